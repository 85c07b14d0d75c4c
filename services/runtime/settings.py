"""Settings: one frozen object, read once from the environment in a composition root and passed down."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from domain.errors import Invalid
from domain.ids import TOKEN
from domain.prices import PRICES

PREFIX = "RGRID_"
FOREIGN_PREFIXES = ("RGRID_BENCH_",)
"""Names that benchmarks read for themselves."""
SANDBOXES = ("auto", "docker", "bubblewrap", "process")
PULLS = ("missing", "never")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of all processes; each field is `RGRID_` and its name in capitals. Empty means: not given."""

    home: Path = Path("~/.rgrid")
    nats_url: str = ""
    nats_user: str = ""
    nats_password: str = ""
    nats_node_url: str = ""
    """Where runners reach NATS, with their user and password, when that is not the server we start ourselves."""
    postgres_dsn: str = ""
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 0
    """0: a free one."""
    public_url: str = ""
    url_key: str = ""
    """Hex; signs the URLs of blobs."""
    secrets_key: str = ""
    """Hex, 32 bytes; seals the values of secrets. Whoever loses it has lost them."""
    secrets_keys_old: tuple[str, ...] = ()
    """Keys that sealed before this one, with commas between them: what they sealed can still be opened."""
    artifacts: Path | None = None
    s3_endpoint: str = ""
    """Artifacts go there instead of into a folder."""
    s3_bucket: str = ""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_region: str = "us-east-1"
    s3_prefix: str = ""
    node_id: str = "local-1"
    node_type: str = "local"
    sandbox: str = "auto"
    warm: bool = True
    """Scripts are forked from interpreters that are kept warm, where that can be done."""
    pythons: tuple[str, ...] = ()
    """Further Pythons that a runner offers, paths with commas between them."""
    docker_images: tuple[str, ...] = ()
    """The images that scripts run in, names with commas between them; empty: every local rgrid/python and rgrid/node."""
    docker_runtime: str = ""
    """The engine's runtime for containers, `runsc` for gVisor; empty: its default."""
    docker_pull: str = "missing"
    """Whether an image that a run asks for may be fetched from its registry: missing or never."""
    environment_bytes_max: int = 20 * 1024**3
    """What the packages of scripts may take on the disk of a node; the least recently used ones go first."""
    log_bytes_max: int = 1024**3
    lease_seconds: float = 30.0
    heartbeat_seconds: float = 5.0
    kill_grace_seconds: float = 5.0
    log_level: str = "INFO"
    api_url: str = ""
    api_key: str = ""
    require: str = ""
    """Tests: what must be present on this machine, instead of being skipped (comma separated)."""

    @property
    def artifacts_folder(self) -> Path:
        return self.artifacts or self.home / "artifacts"

    @property
    def base_url(self) -> str:
        """Base of signed URLs."""
        return self.public_url or f"http://{self.gateway_host}:{self.gateway_port}"


def load(environ: Mapping[str, str]) -> Settings:
    """Settings out of `environ`; raises Invalid for an unknown RGRID_* name or a value that cannot be."""
    known = {PREFIX + each.name.upper(): each.name for each in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name.startswith(FOREIGN_PREFIXES) or text == "":
            continue
        if name not in known:
            raise Invalid(_unknown(name, sorted(known)), details={"setting": name})
        values[known[name]] = _parse(name, known[name], text)
    values["home"] = Path(values.get("home", "~/.rgrid")).expanduser().absolute()
    return Settings(**values)


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"There is no setting {name}." + (f" Did you mean {near[0]}?" if near else f" Known: {', '.join(known)}")


def _parse(name: str, field: str, text: str) -> Any:
    parser, wanted = PARSERS.get(field, (str, "text"))
    try:
        return parser(text)
    except (ValueError, TypeError):
        shown = "" if field in KEYS else f"={text!r}"
        raise Invalid(f"{name}{shown} does not work: it must be {wanted}.", details={"setting": name}) from None


def _checked(parse: Callable[[str], Any], good: Callable[[Any], bool]) -> Callable[[str], Any]:
    def parser(text: str) -> Any:
        value = parse(text)
        if not good(value):
            raise ValueError(text)
        return value

    return parser


def _switch(text: str) -> bool:
    return ("off", "on").index(text) == 1


def _url(*schemes: str) -> tuple[Callable[[str], Any], str]:
    starts = tuple(f"{scheme}://" for scheme in schemes)
    return _checked(str, lambda text: text.startswith(starts)), f"a URL that begins with {' or '.join(starts)}"


_SECONDS = (_checked(float, lambda number: 0 < number < 86_400), "seconds, more than 0 and less than a day")
_SEALING_KEY = _checked(str, lambda text: len(bytes.fromhex(text)) == 32)
_NAME = (_checked(str, lambda text: bool(TOKEN.match(text))), "up to 64 letters, digits, - and _")

KEYS = ("secrets_key", "secrets_keys_old")
"""What is not repeated when it is wrong: the true one may be but a typing error away."""

PARSERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "home": (Path, "a path"),
    "artifacts": (lambda text: Path(text).expanduser().absolute(), "a path"),
    "nats_url": _url("nats", "tls"),
    "nats_node_url": _url("nats", "tls"),
    "postgres_dsn": _url("postgres", "postgresql"),
    "public_url": (lambda text: _url("http", "https")[0](text).rstrip("/"), _url("http", "https")[1]),
    "api_url": _url("http", "https"),
    "s3_endpoint": (lambda text: _url("http", "https")[0](text).rstrip("/"), _url("http", "https")[1]),
    "gateway_port": (_checked(int, lambda number: 0 <= number < 65_536), "a port, 0 to 65535"),
    "url_key": (_checked(str, lambda text: len(bytes.fromhex(text)) >= 16), "at least 32 hex digits"),
    "secrets_key": (_SEALING_KEY, "64 hex digits"),
    "secrets_keys_old": (
        lambda text: tuple(_SEALING_KEY(part.strip()) for part in text.split(",") if part.strip()),
        "64 hex digits each, with commas between them",
    ),
    "node_id": _NAME,
    "node_type": (_checked(str, PRICES.__contains__), f"one of {', '.join(PRICES)}: the types that have a price"),
    "sandbox": (_checked(str, SANDBOXES.__contains__), f"one of {', '.join(SANDBOXES)}"),
    "warm": (_switch, "on or off"),
    "pythons": (lambda text: tuple(part for part in text.split(",") if part), "paths with commas between them"),
    "docker_images": (lambda text: tuple(part for part in text.split(",") if part), "names with commas between them"),
    "docker_runtime": _NAME,
    "docker_pull": (_checked(str, PULLS.__contains__), f"one of {', '.join(PULLS)}"),
    "environment_bytes_max": (_checked(int, lambda number: number > 0), "a number of bytes, more than 0"),
    "log_bytes_max": (_checked(int, lambda number: number > 0), "a number of bytes, more than 0"),
    "lease_seconds": _SECONDS,
    "heartbeat_seconds": _SECONDS,
    "kill_grace_seconds": _SECONDS,
    "log_level": (_checked(str.upper, LOG_LEVELS.__contains__), f"one of {', '.join(LOG_LEVELS)}"),
}
