"""`rgrid download BATCH`: all results that there are now, verified, from where the last time ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import CliError
from ..options import emit
from ..terminal.outcome import ENDED
from ..terminal.screen import following, state, tell
from ..wire.arrival import attach_again, shown
from ..wire.interrupt import Interrupts
from ..wire.progress import Progress
from ..wire.transport import Api
from .bring import Bringing
from .counts import ended_count
from .following import LAST_TICK_SECONDS
from .outage import Outage
from .summary import refused
from .words import at_home


def fetch_batch(
    api: Api,
    doc: dict[str, Any],
    folder: Path,
    *,
    only_failed: bool = False,
    flat: bool = False,
    force: bool = False,
    as_json: bool = False,
) -> int:
    """Bring home what the members of `doc` wrote so far. Raises CliError for what could not be."""
    total = 0 if only_failed else int((doc.get("outputs") or {}).get("size_bytes") or 0)
    progress = Progress("downloading", total)
    bringing = Bringing(api, doc, folder, Outage(), only_failed=only_failed, flat=flat, force=force, progress=progress)
    if not bringing.start(doc, last=True):
        raise CliError(
            f"Another command brings these results into {shown(folder)} just now.",
            f"Wait for it, or take another folder: rgrid download {doc['id']} -o other",
            code="FOLDER_BUSY",
        )
    try:
        through(bringing, doc, progress)
        bringing.write(doc, last=True)
    finally:
        bringing.leave()
        bringing.release()
    return told(bringing, doc, folder, as_json)


def through(bringing: Bringing, doc: dict[str, Any], progress: Progress) -> None:
    """Until all is here, with a line before the eyes. Ctrl-C: the index says how far it came."""
    bringing.wake(ended=True)
    with Interrupts() as interrupts, progress:
        while not bringing.done():
            bringing.write(doc)
            if interrupts.sleep(LAST_TICK_SECONDS):
                bringing.write(doc, last=True)
                raise KeyboardInterrupt


def told(bringing: Bringing, doc: dict[str, Any], folder: Path, as_json: bool) -> int:
    """What came home; what did not is raised."""
    members, files, size_bytes = bringing.homeward.home.total()
    problem = bringing.tell(quiet=True)
    if as_json:
        emit(
            {
                "id": doc["id"],
                "folder": str(folder.absolute()),
                "index": str(bringing.index.path.absolute()),
                "members": members,
                "count": files,
                "size_bytes": size_bytes,
            }
        )
    elif members:
        state("good", "outputs", f"{shown(folder)} · {at_home(members, files, size_bytes)}")
    if not as_json:
        refused(doc)
    if problem:
        raise problem
    if as_json:
        return 0
    if not members:
        tell(f"Nothing to bring home: no member of {doc['id']} that is meant wrote a file.")
    if doc.get("status") in ENDED:
        following(f"less {shown(bringing.index.path)}")
    else:
        tell(f"{ended_count(doc):,} of {int(doc['count']):,} members have ended; the others are still to come.")
        following(attach_again(str(doc["id"]), folder))
    return 0
