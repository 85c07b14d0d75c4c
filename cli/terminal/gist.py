"""The gist of an event's data in a few words, so that a history reads as a story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .formats import REFERENCE, about, count, duration, memory, money, size

Data = dict[str, Any]


def gist(kind: str, data: Data) -> str:
    """A sentence for the event `kind`; the plain data for one that is not known here."""
    teller = TELLERS.get(kind)
    try:
        return teller(data) if teller else plain(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        return plain(data)


def plain(data: Data) -> str:
    """`key=value` pairs of the flat values."""
    return " ".join(
        f"{key}={value}" for key, value in data.items() if not isinstance(value, dict | list) and value != ""
    )


def submitted(data: Data) -> str:
    job = data["job"]
    words = [" ".join([job["script"]["path"], *job.get("args", [])])]
    if job.get("inputs", {}).get("count"):
        words.append(f"{count(job['inputs']['count'], 'input')} ({size(job['inputs']['size_bytes'])})")
    limits = job.get("limits", {})
    words.append(
        f"{job['runtime']}, at most {duration(limits.get('timeout_seconds'))}, {memory(limits.get('memory_bytes'))}"
    )
    return " · ".join(words)


def cached(data: Data) -> str:
    return " · ".join(
        f"{level} {data[level]['result']}: {data[level]['reason']}" for level in ("script", "environment", "inputs")
    )


def reasoned(data: Data) -> str:
    return str(data["reason"]["message"])


def assigned(data: Data) -> str:
    return f"attempt {data['attempt']} to {data['node_id']}"


def started(data: Data) -> str:
    sandbox = f" · sandbox {data['sandbox']}" if data.get("sandbox") else ""
    return f"attempt {data['attempt']} on {data['node_id']}{sandbox}"


def result_words(result: Data) -> str:
    words = [result["status"].replace("_", " ")]
    if result.get("exit_code") is not None:
        words.append(f"exit code {result['exit_code']}")
    elif result.get("signal"):
        words.append(f"signal {result['signal']}")
    if result["status"] != "succeeded":
        words.append(result["reason"]["message"])
    usage, log, outputs = result.get("usage") or {}, result.get("log") or {}, result.get("outputs") or {}
    if usage.get("wall_ms"):
        words.append(duration(usage["wall_ms"] / 1000))
    if log.get("lines"):
        words.append(f"{log['lines']:,} lines of log")
    if outputs.get("count"):
        words.append(f"{count(outputs['count'], 'output')} ({size(outputs['size_bytes'])})")
    return " · ".join(words)


def attempt_failed(data: Data) -> str:
    fault = "the platform's fault, not counted" if data.get("platform") else "counts as a retry"
    return f"attempt {data['attempt']} {result_words(data['result'])} · {fault}; another follows"


def finished(data: Data) -> str:
    return (f"attempt {data['attempt']} " if data.get("attempt", 0) > 1 else "") + result_words(data["result"])


def asked_by(data: Data) -> str:
    return f"by {data['requested_by']}" if data.get("requested_by") else ""


def estimated(data: Data) -> str:
    return f"{money(data['estimated_micros'])} · {data['basis']} · {about(data['equivalent_micros'])} on a {REFERENCE}"


def finalized(data: Data) -> str:
    held = sum(each["held_us"] for each in data.get("charges", ())) / 1e6
    return f"{money(data['total_micros'])} for {duration(held)} · {about(data['equivalent_total_micros'])} on a {REFERENCE}"


def batch_submitted(data: Data) -> str:
    words = [count(data["members"]["count"], "member"), data["job"]["script"]["path"]]
    words += [f"{data['parallel']:,} at once"] if data.get("parallel") else []
    words += [f"stops after {count(data['failures_max'], 'failure')}"] if data.get("failures_max") else []
    return " · ".join(words)


def batch_expanded(data: Data) -> str:
    return f"{count(data['count'], 'member')} written"


def batch_retried(data: Data) -> str:
    words = [f"those that {', '.join(data['statuses']).replace('_', ' ')}", asked_by(data)]
    words += [f"with {data['script']['path']}"] if data.get("script") else []
    return " · ".join(word for word in words if word)


def batch_finished(data: Data) -> str:
    return " · ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in data["counts"].items() if number)


TELLERS: dict[str, Callable[[Data], str]] = {
    "execution.submitted": submitted,
    "execution.cached": cached,
    "execution.delayed": reasoned,
    "execution.assigned": assigned,
    "execution.started": started,
    "execution.attempt_failed": attempt_failed,
    "execution.cancel_requested": asked_by,
    "execution.finished": finished,
    "execution.retried": asked_by,
    "batch.submitted": batch_submitted,
    "batch.expanded": batch_expanded,
    "batch.delayed": reasoned,
    "batch.stopped": reasoned,
    "batch.cancel_requested": asked_by,
    "batch.retried": batch_retried,
    "batch.finished": batch_finished,
    "cost.estimated": estimated,
    "cost.finalized": finalized,
}
