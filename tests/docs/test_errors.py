"""Every code that the source can say has its place in docs/errors.md."""

from __future__ import annotations

import re
from pathlib import Path

from services.runtime.statuses import STATUS_BY_CODE

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


def test_the_page_says_the_status_that_is_sent() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    said = dict(re.findall(r"^### ([A-Z_]+)\n\n`(\d{3})`", page, re.MULTILINE))
    assert {code: said.get(code) for code in STATUS_BY_CODE} == {code: str(n) for code, n in STATUS_BY_CODE.items()}
