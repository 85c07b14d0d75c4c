"""What the packages of a script add to its job: fields of the body, blobs to upload, words to say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from ..terminal.screen import detail
from ..wire.blob import Blob


@dataclass(slots=True)
class Packages:
    """`search`: folders of the script's own modules, for PYTHONPATH. `lines`: where things came from, a word and a text."""

    fields: dict[str, Any] = field(default_factory=dict)
    blobs: list[Blob] = field(default_factory=list)
    words: str = "no dependencies"
    count: int = 0
    known: bool = False
    lines: list[tuple[str, str]] = field(default_factory=list)
    search: list[str] = field(default_factory=list)

    def told(self) -> None:
        """Where things came from, below the line that says it is submitted."""
        for word, text in self.lines:
            detail(word, text)

    def into(self, body: dict[str, Any]) -> None:
        """Add all of it to the body of a submit. What the person set as PYTHONPATH stays in front."""
        body |= self.fields
        if self.search:
            env = dict(body.get("env") or {})
            env["PYTHONPATH"] = os.pathsep.join([*filter(None, [env.get("PYTHONPATH")]), *self.search])
            body["env"] = env
