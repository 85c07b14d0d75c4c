"""A batch as it stands, in lines: for `rgrid status`, `rgrid why` and `rgrid batch`."""

from __future__ import annotations

from typing import Any

from ..terminal.formats import REFERENCE, about, count, duration, money, size, zoned
from ..terminal.outcome import ENDED, with_id
from ..terminal.screen import clean, following, show
from ..wire.transport import Api, segment
from . import words
from .counts import ended_count, failed_count


def failures(api: Api, doc: dict[str, Any]) -> list[dict[str, Any]]:
    """Why members failed, most first; no request when none did."""
    if not failed_count(doc):
        return []
    return list(api.get(f"/batches/{segment(doc['id'])}/failures")["items"])


def tell(api: Api, doc: dict[str, Any]) -> None:
    """All of it, and the next command."""
    for word, text in lines(doc):
        if text:
            show(f"{word:<11} {clean(text)}")
    for word, text in words.causes(failures(api, doc)):
        show(f"{word:<11} {text}")
    advise(doc)


def advise(doc: dict[str, Any]) -> None:
    """What helps most now."""
    if doc.get("status") not in ENDED:
        following(f"rgrid attach {doc['id']}")
    elif failed_count(doc):
        following(f"rgrid retry {doc['id']} --failed")
    else:
        following(f"rgrid download {doc['id']}")


def lines(doc: dict[str, Any]) -> list[tuple[str, str]]:
    """What there is to say, a word and a text each."""
    outputs, cost = doc.get("outputs") or {}, doc.get("cost") or {}
    stopped = doc.get("stopped")
    reason = words.why(doc)
    tags = " ".join(f"{key}={value}" for key, value in (doc.get("tags") or {}).items())
    done, total = ended_count(doc), int(doc.get("count") or 0)
    going = " · cancelling" if doc.get("cancelling") else " · stopping" if stopped else ""
    rules = [f"{int(doc['parallel']):,} at once"] if doc.get("parallel") else []
    rules += [f"stops after {count(int(doc['failures_max']), 'failure')}"] if doc.get("failures_max") else []
    rules += [f"retried {count(int(doc['round']), 'time')}"] if doc.get("round") else []
    known = [money(cost["charged_micros"])] if cost.get("charged_micros") is not None else []
    known += [f"estimated {money(cost['estimated_micros'])}"] if cost.get("estimated_micros") is not None else []
    if cost.get("equivalent_micros") and not cost.get("charged_micros"):
        known.append(f"{about(cost['equivalent_micros'])} on a {REFERENCE}")
    cpu = (doc.get("usage") or {}).get("cpu_ms")
    took = [words.took(doc), f"cpu {duration(cpu / 1000)}" if cpu else ""]
    return [
        ("batch", f"{doc['id']}" + (f" · {doc['name']}" if doc.get("name") else "")),
        ("status", f"{doc.get('status')}{going} · {done:,} of {total:,} ({int(100 * words.share(doc))} %)"),
        ("members", words.states_text(doc) + (f" · {int(doc['reused']):,} reused" if doc.get("reused") else "")),
        ("reason", str(reason.get("message", ""))),
        ("hint", with_id(str(reason.get("hint", "")), doc)),
        ("script", " ".join([(doc.get("script") or {}).get("path", ""), *(doc.get("args") or [])])),
        ("project", f"{doc.get('project') or ''}" + (f" · {tags}" if tags else "")),
        ("rules", " · ".join(rules)),
        ("submitted", zoned(doc.get("submitted_at"))),
        ("started", zoned(doc.get("started_at")) if doc.get("started_at") else ""),
        ("finished", zoned(doc.get("finished_at")) if doc.get("finished_at") else ""),
        ("took", " · ".join(each for each in took if each)),
        ("cost", " · ".join(known)),
        (
            "outputs",
            f"{count(outputs['count'], 'file')}, {size(outputs.get('size_bytes'))}" if outputs.get("count") else "",
        ),
        ("refused", f"{text} · which: rgrid outputs {doc['id']}" if (text := words.refused(doc)) else ""),
    ]
