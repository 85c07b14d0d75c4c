"""The options of a run as the body of `POST /executions`; every value is checked before anything is uploaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import UsageProblem
from ..terminal.formats import parse_cpu, parse_duration, parse_memory, parse_size
from ..terminal.screen import clean
from ..terminal.typed import check_labels, secret_name
from .arguments import environment, pairs

LIMITS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "cpu": ("cpu_millis", parse_cpu),
    "memory": ("memory_bytes", parse_memory),
    "disk": ("disk_bytes", parse_size),
    "timeout": ("timeout_seconds", parse_duration),
}
FORMS = ("env", "file")
STEERING = re.compile(r"PATH|HOME|TMPDIR|TEMP|TMP|IFS|ENV|BASH_ENV|NODE_OPTIONS|NODE_PATH|(LD_|PYTHON|RGRID_).*")
"""Variables that no secret may stand for; the gateway refuses them too."""
IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/@-]{0,254}")
RETRIES_MAX = 100
PRIORITY_MAX = 1000
MEMBERS_MAX = 100_000


def request_of(options: Mapping[str, Any], runtime: str, args: list[str], own: Mapping[str, str]) -> dict[str, Any]:
    """The body without script and inputs; what nobody set is left to the grid. Raises UsageProblem."""
    body: dict[str, Any] = {"runtime": runtime, "args": args, "network": bool(options.get("network", False))}
    limits = {field: parsed(name, options[name], parse) for name, (field, parse) in LIMITS.items() if name in options}
    if limits:
        body["limits"] = limits
    if "retries" in options:
        body["retries"] = whole(options["retries"], "--retries", 0, RETRIES_MAX)
    if "priority" in options:
        body["priority"] = whole(options["priority"], "--priority", -PRIORITY_MAX, PRIORITY_MAX)
    if options.get("memoize"):
        body["memoize"] = True
    for name in ("name", "project"):
        if options.get(name):
            body[name] = str(options[name])
    if options.get("env"):
        body["env"] = environment(options["env"], own)
    if options.get("secret"):
        body["secrets"] = secrets_of(options["secret"], body.get("env", {}))
    if options.get("tag"):
        body["tags"] = pairs(options["tag"], "--tag")
    if options.get("image"):
        check_image(str(options["image"]))
    check_text(body)
    check_labels(body.get("name", ""), body.get("project", ""), body.get("env", ()), body.get("tags", ()))
    return body


def secrets_of(items: list[str], env: Mapping[str, str]) -> list[dict[str, str]]:
    """`NAME` or `NAME=file` items as the API takes them; raises UsageProblem, without what may be a value."""
    found: dict[str, str] = {}
    for item in items:
        name, _, form = item.partition("=")
        if form not in ("", *FORMS):
            hint = f"Store it: rgrid secret set {secret_name(name)}      Then: --secret {name}, or {name}=file"
            raise UsageProblem(f"--secret {secret_name(name)}=… is not a form; a value is not typed here.", hint)
        if name in env:
            raise UsageProblem(f"{clean(name)} is both a --secret and an --env: type one of them.")
        found[secret_name(name)] = form or FORMS[0]
        if found[name] == "env" and STEERING.fullmatch(name):
            said = f"--secret {name}: the variable {name} steers how a script starts, so no secret is given under that name."
            raise UsageProblem(said, f"Take it as a file: --secret {name}=file      Or set it under another name.")
    return [{"name": name, "form": form} for name, form in found.items()]


def check_image(image: str) -> None:
    """Raise UsageProblem for what is no name of an image; whether there is one of that name the node finds out."""
    if not IMAGE.fullmatch(image):
        raise UsageProblem(
            f"--image {clean(image)!r} is no name of an image: small letters and digits first, then also . _ : / @ and -.",
            "For example: --image python:3.12-slim",
        )


def batch_fields(options: Mapping[str, Any]) -> dict[str, int]:
    """What a batch has beside a run: `parallel` and `failures_max`; what nobody set is left out. Raises UsageProblem."""
    fields: dict[str, int] = {}
    if "parallel" in options:
        fields["parallel"] = whole(options["parallel"], "--parallel", 1, MEMBERS_MAX)
    if "max-failures" in options:
        fields["failures_max"] = whole(options["max-failures"], "--max-failures", 1, MEMBERS_MAX)
    elif options.get("fail-fast"):
        fields["failures_max"] = 1
    return fields


def parsed(name: str, value: Any, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(str(value))
    except ValueError as wrong:
        raise UsageProblem(f"--{name}: {wrong}.".replace("?.", "?")) from None


def whole(value: Any, option: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    try:
        number = int(str(value))
    except ValueError:
        raise UsageProblem(f"{option} {value!r} is not a whole number.") from None
    if not least <= number <= most:
        raise UsageProblem(f"{option} {number} is not between {least} and {most}.")
    return number


def check_text(value: Any) -> None:
    """Arguments that are no text cannot travel as JSON; raises UsageProblem."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_text(key)
            check_text(item)
    elif isinstance(value, list):
        for item in value:
            check_text(item)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageProblem(f"{value!r} is not UTF-8 text; rgrid passes text only.") from None
