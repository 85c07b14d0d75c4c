"""Which sandbox a machine gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import Unavailable
from services.runner.interpreters import interpreters
from services.runner.sandbox import bubblewrap, choose


async def test_a_machine_that_is_too_busy_for_a_trial_is_not_left_without_walls(
    needs_bubblewrap: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "TRIAL_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="too busy"):
        await choose.choose("auto", tmp_path, None, interpreters())


async def test_without_any_box_the_choice_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    choice = await choose.choose("auto", tmp_path, None, interpreters())
    assert choice.sandbox.kind == "process"
    assert "bubblewrap is not installed" in choice.warning and choice.warning.startswith("no sandbox: ")
