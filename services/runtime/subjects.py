"""Every subject and stream name of the grid; nobody types one anywhere else.

rgrid.ev.<account>.<aggregate>.<id>.<verb>       commits, verb of the last event: rgrid.ev.local.execution.exec_x.attempt_failed
rgrid.log.<node>.<account>.<execution>           log chunks, republished to rgrid.live.<account>.<execution>.<node>
rgrid.work.<node>.<execution>                    what a node is to do
rgrid.report.<node>.<execution | node>.<verb>    facts of a runner
rgrid.lease.<node>                               heartbeats
rgrid.ask.<node>.<execution>.<what>              requests of a runner
rgrid.secret.<account>.<name>                    the value of a secret, sealed; no node may reach it
rgrid.parked.<service>                           what a service could not digest
"""

from __future__ import annotations

from domain.catalog import TYPE_NAMES
from domain.ids import TOKEN
from services.runtime import messages
from services.runtime.log import Ref

EVENTS, LOGS, WORK, REPORTS, LEASES, PARKED = "EVENTS", "LOGS", "WORK", "REPORTS", "LEASES", "PARKED"
SECRETS = "SECRETS"
ALL_EVENTS = "rgrid.ev.>"
ALL_LEASES = "rgrid.lease.*"
ALL_PARKED = "rgrid.parked.*"
ASK_URLS = "rgrid.ask.*.*.urls"
ASK_SECRETS = "rgrid.ask.*.*.secrets"

FACT_VERBS: dict[type, str] = {
    messages.StartedFact: "started",
    messages.FinishedFact: "finished",
    messages.EnvironmentFact: "environment",
    messages.JoinedFact: "joined",
    messages.LeftFact: "left",
}
FACTS = {verb: fact for fact, verb in FACT_VERBS.items()}


def token(text: str) -> str:
    """`text` itself if it may stand between two dots; raises ValueError otherwise (an id never reaches a wildcard)."""
    if not TOKEN.match(text):
        raise ValueError(f"{text!r} cannot be a part of a subject: letters, digits, - and _ only, at most 64")
    return text


def commit(ref: Ref, event: type) -> str:
    """Where a commit of `ref` goes whose last event is of class `event`."""
    return f"{aggregate_prefix(ref)}.{TYPE_NAMES[event].partition('.')[2]}"


def aggregate(ref: Ref) -> str:
    """All commits of one aggregate."""
    return aggregate_prefix(ref) + ".*"


def aggregate_prefix(ref: Ref) -> str:
    return f"rgrid.ev.{token(ref.account)}.{token(ref.aggregate)}.{token(ref.id)}"


def event_filter(event: type) -> str:
    """All commits that end in an event of this class, of all accounts."""
    aggregate_name, _, verb = TYPE_NAMES[event].partition(".")
    return f"rgrid.ev.*.{aggregate_name}.*.{verb}"


def ref_of(subject: str) -> Ref:
    """The aggregate that a commit's subject names; nothing for a subject that is none of ours."""
    parts = subject.split(".")
    return Ref(*parts[2:5]) if len(parts) == 6 else Ref("", "", "")


def report(node_id: str, fact: object) -> str:
    """Where a runner reports `fact`."""
    about = token(getattr(fact, "execution", "node"))
    return f"rgrid.report.{token(node_id)}.{about}.{FACT_VERBS[type(fact)]}"


def report_filter(fact: type) -> str:
    return f"rgrid.report.*.*.{FACT_VERBS[fact]}"


def work(node_id: str, execution: str) -> str:
    return f"rgrid.work.{token(node_id)}.{token(execution)}"


def work_filter(node_id: str) -> str:
    return f"rgrid.work.{token(node_id)}.>"


def runner_consumer(node_id: str) -> str:
    """The durable consumer on WORK through which a node gets its work."""
    return f"runner-{token(node_id)}"


def log(node_id: str, account: str, execution: str) -> str:
    return f"rgrid.log.{token(node_id)}.{token(account)}.{token(execution)}"


def log_filter(account: str, execution: str) -> str:
    """The log chunks of one execution in LOGS, of all nodes."""
    return f"rgrid.log.*.{token(account)}.{token(execution)}"


def live(account: str, execution: str) -> str:
    """The log chunks of one execution as they come, of all nodes."""
    return f"rgrid.live.{token(account)}.{token(execution)}.*"


def lease(node_id: str) -> str:
    return f"rgrid.lease.{token(node_id)}"


def ask_urls(node_id: str, execution: str) -> str:
    return f"rgrid.ask.{token(node_id)}.{token(execution)}.urls"


def ask_secrets(node_id: str, execution: str) -> str:
    return f"rgrid.ask.{token(node_id)}.{token(execution)}.secrets"


def secret(account: str, name: str) -> str:
    return f"rgrid.secret.{token(account)}.{token(name)}"


def parked(service: str) -> str:
    return f"rgrid.parked.{token(service)}"


def node_of(subject: str) -> str:
    """The node that a report, request, lease or log subject names (for a log of LIVE use the last part)."""
    parts = subject.split(".")
    return parts[-1] if parts[1] == "live" else parts[2]


def inbox_prefix(node_id: str) -> str:
    """The only subjects that a node's own user may listen on."""
    return f"_INBOX_{token(node_id)}"
