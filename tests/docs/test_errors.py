"""Every code that the source can say has its place in docs/errors.md."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.errors import STATUS_BY_CODE

ROOT = Path(__file__).resolve().parents[2]
SAID = re.compile(r"""\bcode\s*=\s*"([A-Z][A-Z_]+)"|Reason\(\s*"([A-Z][A-Z_]+)\"""")
FOLDERS = ("domain", "services", "gateway", "projections", "cli")


def test_every_code_is_explained() -> None:
    said = set(STATUS_BY_CODE)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            said |= {first or second for first, second in SAID.findall(path.read_text())}
    explained = set(re.findall(r"^### ([A-Z_]+)", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
    assert len(said) > 60
    assert said <= explained, f"not in docs/errors.md: {sorted(said - explained)}"
