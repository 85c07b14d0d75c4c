"""Upload what the grid lacks and submit, once: a repeat with the same key never makes a second execution."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CliError, Interrupted, Unreachable
from ..terminal.formats import count, size
from ..terminal.screen import detail, state, warn
from ..wire.blob import Blob, entry, of_bytes, of_file
from ..wire.interrupt import Interrupts
from ..wire.reply import why
from ..wire.transport import Api
from ..wire.upload import upload
from .inputs import Plan, mode_of

INLINE_MAX = 256
"""More inputs than this travel as a manifest blob, a JSON list of entries."""
ROUNDS = 3
PATIENCE_SECONDS = 30.0
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
    hashed = {name: of_file(path) for name, path in sorted(plan.files.items())}
    sent.inputs = list(hashed.values())
    entries = [entry(name, blob, mode_of(plan.files[name])) for name, blob in hashed.items()]
    body = {**body, "script": entry(plan.script, sent.script, mode_of(script))}
    blobs = [sent.script, *sent.inputs]
    if len(entries) > INLINE_MAX:
        manifest = of_bytes(json.dumps(entries, separators=(",", ":")).encode())
        blobs.append(manifest)
        total = sum(blob.size_bytes for blob in sent.inputs)
        body |= {"inputs_manifest": manifest.sha256, "inputs_count": len(entries), "inputs_size_bytes": total}
    else:
        body["inputs"] = entries
    for tries in range(ROUNDS):
        sent.uploaded |= upload(api, blobs)
        interrupts.raising = False
        try:
            sent.answer = post(api, body, key, interrupts)
            return sent
        except CliError as refused:
            if refused.code != "BLOBS_MISSING" or tries == ROUNDS - 1:
                raise
    raise AssertionError("the last round returns or raises")


def post(api: Api, body: dict[str, Any], key: str, interrupts: Interrupts) -> dict[str, Any]:
    """POST /executions; a broken connection is no answer, so it is asked again under the same key."""
    deadline, told = time.monotonic() + PATIENCE_SECONDS, False
    while True:
        try:
            reply = api.call("POST", "/executions", body, {"Idempotency-Key": key}, patient=False)
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


def tell_submitted(sent: Sent) -> None:
    """`● submitted   exec_7f3k2m · script known · 1 input (148 KB) uploaded · no dependencies`"""
    assert sent.script is not None
    words = [str(sent.answer["id"]), "script " + ("uploaded" if sent.script.sha256 in sent.uploaded else "known")]
    if sent.inputs:
        fresh = [blob for blob in sent.inputs if blob.sha256 in sent.uploaded]
        text = f"{count(len(sent.inputs), 'input')} ({size(sum(blob.size_bytes for blob in sent.inputs))})"
        partly = "uploaded" if len(fresh) == len(sent.inputs) else "known" if not fresh else f"{len(fresh):,} uploaded"
        words.append(f"{text} {partly}" if not fresh or len(fresh) == len(sent.inputs) else f"{text}, {partly}")
    state("busy", "submitted", " · ".join([*words, "no dependencies"]))
    if sent.answer.get("created") is False:
        detail("known", "this very request was submitted before; it is the same execution")
