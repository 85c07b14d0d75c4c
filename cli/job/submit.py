"""Upload what the grid lacks and submit, once: a repeat with the same key never makes a second execution."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CliError, Interrupted, Unreachable
from ..terminal.formats import count, size
from ..terminal.screen import detail, state, warn
from ..wire.blob import Blob, entry, of_file
from ..wire.interrupt import Interrupts
from ..wire.reply import why
from ..wire.transport import Api
from ..wire.upload import upload
from .files import hashed, listed, manifest_of
from .inputs import Plan, mode_of
from .packages import Packages

ROUNDS = 3
PATIENCE_SECONDS = 90.0
"""How long a grid that is away is asked again with the same request."""
PAUSE_SECONDS = 0.3


@dataclass(slots=True)
class Sent:
    """What was submitted, for the words about it."""

    answer: dict[str, Any] = field(default_factory=dict)
    script: Blob | None = None
    inputs: list[Blob] = field(default_factory=list)
    uploaded: set[str] = field(default_factory=set)


def submit(api: Api, script: Path, plan: Plan, body: dict[str, Any], interrupts: Interrupts, *, key: str) -> Sent:
    """Raises CliError; when the answer is lost on the way the same request is sent again.

    Until the request goes out an interrupt ends all; from then on it is noted, since an execution may exist.
    """
    sent = Sent(script=of_file(script))
    assert sent.script is not None
    files = hashed(plan)
    sent.inputs = list(files.values())
    entries = listed(files, plan)
    manifest = manifest_of(entries)
    blobs = [sent.script, *sent.inputs, *plan.packages.blobs, *([manifest] if manifest else [])]
    body = {**body, "script": entry(plan.script, sent.script, mode_of(script))}
    if manifest:
        total = sum(blob.size_bytes for blob in sent.inputs)
        body |= {"inputs_manifest": manifest.sha256, "inputs_count": len(entries), "inputs_size_bytes": total}
    else:
        body["inputs"] = entries
    deliver(api, "/executions", body, blobs, sent, interrupts, key)
    return sent


def deliver(
    api: Api, path: str, body: dict[str, Any], blobs: list[Blob], sent: Sent, interrupts: Interrupts, key: str
) -> None:
    """Upload what is missing and post the body; blobs that went missing meanwhile are uploaded and it is posted again."""
    for tries in range(ROUNDS):
        sent.uploaded |= upload(api, blobs)
        interrupts.raising = False
        try:
            sent.answer = post(api, path, body, key, interrupts)
            return
        except CliError as refused:
            if refused.code != "BLOBS_MISSING" or tries == ROUNDS - 1:
                raise


def post(api: Api, path: str, body: dict[str, Any], key: str, interrupts: Interrupts) -> dict[str, Any]:
    """POST `path`; a broken connection is no answer, so it is asked again under the same key."""
    deadline, told = time.monotonic() + PATIENCE_SECONDS, False
    while True:
        try:
            reply = api.call("POST", path, body, {"Idempotency-Key": key}, patient=False)
            answer: dict[str, Any] = reply.json()
            return answer
        except Unreachable as lost:
            if lost.code != "UNREACHABLE" or time.monotonic() > deadline:
                raise
            if not told:
                warn(
                    f"The grid does not answer ({why(lost.__cause__)}); the same request again for {PATIENCE_SECONDS:.0f} s"
                )
                told = True
            if interrupts.sleep(PAUSE_SECONDS):
                raise Interrupted(
                    "Interrupted; the grid did not answer whether it was queued.", "Look: rgrid ps"
                ) from None


def tell_submitted(sent: Sent, packages: Packages) -> None:
    """`● submitted   exec_7f3k2m · script known · 1 input (148 KB) uploaded · 6 packages from requirements.txt`"""
    assert sent.script is not None
    words = [str(sent.answer["id"]), "script " + ("uploaded" if sent.script.sha256 in sent.uploaded else "known")]
    if sent.inputs:
        words.append(arrived(sent.inputs, sent.uploaded))
    state("busy", "submitted", " · ".join([*words, packages.words]))
    packages.told()
    if sent.answer.get("created") is False:
        detail("known", "this very request was submitted before; it is the same execution")


def arrived(inputs: list[Blob], uploaded: set[str], noun: str = "input") -> str:
    """`3 inputs (1.2 MB), 1 uploaded`"""
    fresh = [blob for blob in inputs if blob.sha256 in uploaded]
    text = f"{count(len(inputs), noun)} ({size(sum(blob.size_bytes for blob in inputs))})"
    if fresh and len(fresh) != len(inputs):
        return f"{text}, {len(fresh):,} uploaded"
    return f"{text} {'uploaded' if fresh else 'known'}"
