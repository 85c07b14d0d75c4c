"""What travels between the control plane and the runners beside the log: work, facts, log chunks, requests.

All are JSON of these shapes (orjson), except a log chunk: its JSON head, one newline, then the raw bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.environment.events import Recipe
from domain.execution.events import AttemptResult
from domain.execution.job import Job
from domain.files import FileRef
from domain.node.offer import Offer


@dataclass(frozen=True, slots=True)
class RunWork:
    """`rgrid.work.<node>.<execution>`: run this attempt. Deduplicated by execution and attempt."""

    account: str
    execution: str
    attempt: int
    job: Job
    op: str = "run"


@dataclass(frozen=True, slots=True)
class CancelWork:
    """`rgrid.work.<node>.<execution>`: kill this attempt and say so when its processes are gone."""

    account: str
    execution: str
    attempt: int
    cause: str = "cancelled"
    """`cancelled` (a person wants it) or `stale` (the lease went to another attempt: kill it, report nothing)."""
    op: str = "cancel"


@dataclass(frozen=True, slots=True)
class ForgetWork:
    """`rgrid.work.<node>.environment`: throw these environments away, as soon as nothing that runs uses them."""

    account: str
    environments: tuple[str, ...]
    reason: str = "invalidated"
    op: str = "forget"


@dataclass(frozen=True, slots=True)
class StartedFact:
    """`rgrid.report.<node>.<execution>.started`: the script's process exists; left out for one that is over in no time."""

    account: str
    execution: str
    attempt: int
    started_at_us: int
    sandbox: str


@dataclass(frozen=True, slots=True)
class FinishedFact:
    """`rgrid.report.<node>.<execution>.finished`: sent when the log is closed and every output is stored.

    It speaks of the start too, when that was so short ago that it was not reported by itself.
    """

    account: str
    execution: str
    attempt: int
    result: AttemptResult
    sandbox: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentFact:
    """`rgrid.report.<node>.<execution>.environment`: what became of an environment on this node, while it held the attempt.

    `event` is `built`, `fetched` or `dropped` (then `reason` says why); `id` belongs to the recipe. `took_ms`: to build or
    to fetch it.
    """

    account: str
    execution: str
    attempt: int
    id: str
    recipe: Recipe
    event: str
    size_bytes: int = 0
    took_ms: int = 0
    packages: int = 0
    archive: FileRef | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JoinedFact:
    """`rgrid.report.<node>.node.joined`: sent at every start of a runner, before it takes work."""

    incarnation: str
    offer: Offer


@dataclass(frozen=True, slots=True)
class LeftFact:
    """`rgrid.report.<node>.node.left`: sent at a clean stop, when nothing runs any more."""

    incarnation: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`rgrid.lease.<node>` in stream LEASES (one kept per node): the node lives and holds these attempts."""

    incarnation: str
    at_us: int
    attempts: tuple[tuple[str, str, int], ...] = ()
    """(account, execution, attempt)"""


@dataclass(frozen=True, slots=True)
class BlobRef:
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UrlsWanted:
    """Request on `rgrid.ask.<node>.<execution>.urls`: signed URLs for blobs of the attempt this node holds.

    `direction` is `download` or `upload`; at most URLS_MAX blobs. `bundles`: small ones may be named in `bundled` instead;
    `parts`: large ones in `parts`. With `environment` (a download without blobs) the one blob is the archive of the environment
    of that id, if its recipe is of the job's lock; no URL: there is none.
    """

    account: str
    execution: str
    attempt: int
    direction: str
    blobs: tuple[BlobRef, ...]
    bundles: bool = False
    parts: bool = False
    environment: str = ""


URLS_MAX = 500


@dataclass(frozen=True, slots=True)
class PartsGiven:
    """Where the parts of a large blob go: PUT to `urls` by part number (from 1), each `part_bytes` long but the last.

    `urls` are those of the next parts that lack; `stored_bytes` came before. When none lacks: POST to `finish`, which
    answers 200 when the blob is verified and stored, 202 while it is being verified.
    """

    part_bytes: int
    urls: dict[str, str]
    stored_bytes: int
    finish: str


@dataclass(frozen=True, slots=True)
class UrlsGiven:
    """The answer: url by SHA-256 (for uploads only of blobs that are not stored yet), or an error by `code`.

    `bundled` are small blobs without a URL of their own: they go in bundles to the URL `bundle`, or come from there in one
    answer to a POST of their list.
    """

    urls: dict[str, str] = field(default_factory=dict)
    bundle: str = ""
    bundled: tuple[str, ...] = ()
    parts: dict[str, PartsGiven] = field(default_factory=dict)
    error: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class SecretsWanted:
    """Request on `rgrid.ask.<node>.<execution>.secrets`: SECRETS_MAX values at most, of the attempt this node holds."""

    account: str
    execution: str
    attempt: int
    names: tuple[str, ...]


SECRETS_MAX = 16
"""Of 64 KiB each: their answer fits into one message."""


@dataclass(frozen=True, slots=True)
class SecretsGiven:
    """The answer: values (base64) by name, or an error by `code`, about the secret `name`."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    error: str = ""
    message: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """Head of a log chunk on `rgrid.log.<node>.<account>.<execution>`; the raw bytes follow it.

    `chunk` counts from 1 per attempt, over both streams; `line` is the number (from 1, over both streams) of the first
    line that begins or goes on in it; `lines` is how many lines end in it. `stream`: stdout, stderr or rgrid (our own
    word, such as the notice that the log limit was reached). A line longer than a chunk goes on in the next ones.
    """

    attempt: int
    chunk: int
    stream: str
    line: int
    lines: int
    at_us: int
