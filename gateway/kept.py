"""What is not kept any longer: said by name, with what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors import WrongState

EXPIRED = "ARTIFACTS_EXPIRED"
LONGER = "The history stays: rgrid events ID. To keep files longer: rgrid projects set PROJECT --retention 90d"


def check_outputs(doc: Mapping[str, Any]) -> None:
    """Raises WrongState (ARTIFACTS_EXPIRED) for an execution that had outputs and whose files are gone."""
    if doc["artifacts_expired"] and (doc.get("outputs") or {}).get("count"):
        until = str(doc.get("kept_until"))
        message = f"The outputs of {doc['id']} were kept until {until[:10]} (project {doc['project']}). {LONGER}"
        raise WrongState(message, code=EXPIRED, details={"kept_until": until, "project": doc["project"]})


def check_log(execution: str, expired: bool, chunks: int) -> None:
    """The same for one that printed something."""
    if expired and chunks:
        raise WrongState(f"The log of {execution} is not kept any longer. {LONGER}", code=EXPIRED)


def check_members(batch: str, ended: int, expired: int) -> int:
    """How many of those that `ended` can go again; raises WrongState when there are some, and none of them has its files."""
    if ended and ended == expired:
        message = f"The members of {batch} that ended so are not kept any longer, nor are their inputs. {LONGER}"
        raise WrongState(message, code=EXPIRED, details={"members": expired})
    return ended - expired
