"""The secrets that one attempt was entrusted with: in memory from just before its start until its end, and out of all it says."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from domain.execution.events import AttemptResult, RefusedOutput
from services.runner import memory_folder
from services.runner.collect import Collected
from services.runner.logs.forms import forms_of
from services.runner.logs.redaction import Forms, Veil
from services.runner.node import Node
from services.runner.sandbox.box import SECRETS, Spec
from services.runner.secret_values import Withheld, secret_values
from services.runtime.messages import RunWork

DIRECTORY = "RGRID_SECRETS_DIR"
"""Tells a script, in whatever sandbox, where its secrets are that are files."""
IN_NAME = "its name contains a secret"


class Entrusted:
    """Nothing, for a job without secrets. `fetch` first; `forget` when the attempt is over."""

    def __init__(self, node: Node, work: RunWork) -> None:
        self._node, self._work = node, work
        self._values: dict[str, bytes] = {}
        self._folder: Path | None = None
        self.veil: Veil | None = None

    async def fetch(self) -> None:
        """Raises Withheld, StaleLease."""
        if self._work.job.secrets:
            self._values = await secret_values(self._node.bus, self._node.id, self._work)
            self.veil = await asyncio.to_thread(_veil, list(self._values.values()))

    def placed(self, spec: Spec) -> Spec:
        """`spec` with the secrets in it. Raises Withheld, OSError."""
        if not self._values:
            return spec
        form = {each.name: each.form for each in self._work.job.secrets}
        variables = {name: os.fsdecode(value) for name, value in self._values.items() if form[name] != "file"}
        files = {name: value for name, value in self._values.items() if form[name] == "file"}
        spec = replace(spec, env={**spec.env, **variables})
        if not files:
            return spec
        if self._node.sandbox.confined:
            return replace(spec, secrets=files, base_env={**spec.base_env, DIRECTORY: SECRETS})
        try:
            self._folder = memory_folder.make(self._node.folder, spec.name, files)
        except memory_folder.NoMemoryFolder as error:
            raise Withheld(f"On this node {error}.", "Take them as variables: --secret NAME", "lost") from error
        return replace(spec, base_env={**spec.base_env, DIRECTORY: str(self._folder)})

    def told(self, result: AttemptResult) -> AttemptResult:
        """`result` without them."""
        if self.veil is None:
            return result
        reason = replace(
            result.reason, message=self.veil.text(result.reason.message), hint=self.veil.text(result.reason.hint)
        )
        return replace(result, reason=reason, error_line=self.veil.text(result.error_line))

    def collected(self, found: Collected) -> Collected:
        """`found` without files that are named by one: names go into the log, which keeps them for ever."""
        if self.veil is None:
            return found
        hide = self.veil.text
        strange = [file for file in found.files if hide(file.path) != file.path]
        for file in strange:
            found.files.remove(file)
            found.refuse(hide(file.path), IN_NAME)
        found.refused[:] = [RefusedOutput(hide(each.path), each.reason) for each in found.refused]
        return found

    def forget(self) -> None:
        """The script is gone. What they look like is still known, for the last word on it."""
        if self._folder is not None:
            memory_folder.remove(self._folder)
        self._values, self._folder = {}, None


def _veil(values: list[bytes]) -> Veil:
    """In a thread: a hundred large values take their time."""
    return Veil(Forms(forms_of(values)))
