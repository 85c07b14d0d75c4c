"""`rgrid status ID`: one execution as it stands."""

from __future__ import annotations

from typing import Any

import click

from .batch.which import found, is_batch
from .options import EXECUTION, api, common, emit, example
from .terminal.formats import count, duration, size, zoned
from .terminal.outcome import ENDED, WORDS, cost_words, kept_words, refused, seconds_of, with_id
from .terminal.screen import clean, following, show


@click.command(epilog=example("rgrid status exec_7f3k2m", "rgrid status @last --json"))
@EXECUTION
@common
def command(execution: str, api_url: str, as_json: bool) -> int:
    """Show one execution or batch. ID is any unique prefix, or @last."""
    wire = api(api_url)
    doc = found(wire, execution)
    if as_json:
        emit(doc)
        return 0
    if is_batch(doc):
        from .batch.look import tell

        tell(wire, doc)
        return 0
    for word, text in lines(doc):
        if text:
            show(f"{word:<11} {clean(text)}")
    ended = doc.get("status") in ENDED
    following(f"rgrid {'logs' if ended else 'attach'} {doc['id']}")
    return 0


def lines(doc: dict[str, Any]) -> list[tuple[str, str]]:
    """What there is to say, a word and a text each."""
    reason, outputs, log, usage = (doc.get(key) or {} for key in ("reason", "outputs", "log", "usage"))
    status = str(doc.get("status"))
    told = status != "cancelled"  # the code of a script that was ended says nothing of it; run answers 130
    code = f" · exit code {doc['exit_code']}" if told and doc.get("exit_code") is not None else ""
    tags = " ".join(f"{key}={value}" for key, value in (doc.get("tags") or {}).items())
    retries = int(doc.get("retries") or 0)
    attempts = str(doc.get("attempt") or "")
    attempts += f" · at most {retries:,} {'retry' if retries == 1 else 'retries'}" if attempts and retries else ""
    used = [f"cpu {duration(usage['cpu_ms'] / 1000)}"] if usage.get("cpu_ms") is not None else []
    used += [f"peak {size(usage['memory_peak_bytes'])}"] if usage.get("memory_peak_bytes") else []
    return [
        ("execution", f"{doc['id']}" + (f" · {doc['name']}" if doc.get("name") else "")),
        ("status", WORDS.get(status, status) + (" · cancelling" if doc.get("cancelling") else "") + code),
        ("reason", str(reason.get("message", ""))),
        ("hint", with_id(str(reason.get("hint", "")), doc)),
        ("script", " ".join([(doc.get("script") or {}).get("path", ""), *(doc.get("args") or [])])),
        ("runtime", str(doc.get("runtime") or "")),
        ("project", f"{doc.get('project') or ''}" + (f" · {tags}" if tags else "")),
        ("secrets", " ".join(secret_words(each) for each in doc.get("secrets") or [])),
        ("node", str(doc.get("node_id") or "")),
        ("attempt", attempts),
        ("submitted", zoned(doc.get("submitted_at"))),
        ("started", zoned(doc.get("started_at")) if doc.get("started_at") else ""),
        ("finished", zoned(doc.get("finished_at")) if doc.get("finished_at") else ""),
        ("took", " · ".join([duration(seconds_of(doc)), *used]) if doc.get("started_at") else ""),
        ("cost", cost_words(doc.get("cost") or {})),
        (
            "outputs",
            f"{count(outputs['count'], 'file')}, {size(outputs.get('size_bytes'))}" if outputs.get("count") else "",
        ),
        *(("refused", text) for text in refused(doc)),
        ("log", f"{count(log['lines'], 'line')}, {size(log.get('size_bytes'))}" if log.get("lines") else ""),
        ("kept", kept_words(doc)),
    ]


def secret_words(secret: dict[str, Any]) -> str:
    """`API_TOKEN`, or `KEY=file`: as it was typed."""
    return f"{secret['name']}=file" if secret.get("form") == "file" else str(secret["name"])
