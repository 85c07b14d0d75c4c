"""Who holds what: executions that a node holds the lease of, and those whose assignment is on its way to the log.

Sums follow from the entries that stand here: one is added with its entry and taken off with the same entry, once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from domain.node.events import NodeJoined
from domain.placement import NodeRoom
from services.runtime.log import Ref
from services.scheduler.entry import Entry, Group

K = TypeVar("K")


@dataclass(slots=True)
class Share:
    """What the executions in it hold together (thousandths of a core, bytes)."""

    entries: dict[Ref, Entry] = field(default_factory=dict)
    cpu_millis: int = 0
    memory_bytes: int = 0

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Entry) -> None:
        self.remove(entry.ref)
        self.entries[entry.ref] = entry
        self.cpu_millis += entry.limits.cpu_millis
        self.memory_bytes += entry.limits.memory_bytes

    def remove(self, ref: Ref) -> None:
        entry = self.entries.pop(ref, None)
        if entry is not None:
            self.cpu_millis -= entry.limits.cpu_millis
            self.memory_bytes -= entry.limits.memory_bytes


NOTHING = Share()


class Held:
    """Shares by node, by group and by account."""

    def __init__(self) -> None:
        self._nodes: dict[str, Share] = {}
        self._groups: dict[Group, Share] = {}
        self._accounts: dict[str, Share] = {}
        self._on: dict[Ref, tuple[str, Group]] = {}
        self.reserved: dict[Ref, int | None] = {}
        """Whose assignment is on its way, and from which position on that is void, once the log has answered."""

    def take(self, entry: Entry) -> None:
        """What is new of an execution: it holds what it has a lease of. One that waits stays reserved until the log has
        answered, and what it answered is folded."""
        ref = entry.ref
        if entry.state.phase == "queued" and ref in self.reserved:
            void_from = self.reserved[ref]
            if void_from is None or void_from > entry.position:
                return
        self.remove(ref)
        if entry.state.leased:
            self._put(entry, entry.state.node_id)

    def reserve(self, entry: Entry, node_id: str) -> None:
        """It holds its part of this node while its assignment is on the way to the log."""
        self.remove(entry.ref)
        self.reserved[entry.ref] = None
        self._put(entry, node_id)

    def void_from(self, ref: Ref, position: int) -> None:
        """The log has answered; once `position` is folded, what it answered counts and the reservation does not."""
        if ref in self.reserved:
            self.reserved[ref] = position

    def _put(self, entry: Entry, node_id: str) -> None:
        self._on[entry.ref] = node_id, entry.group
        self._nodes.setdefault(node_id, Share()).add(entry)
        self._groups.setdefault(entry.group, Share()).add(entry)
        self._accounts.setdefault(entry.group.account, Share()).add(entry)

    def remove(self, ref: Ref) -> None:
        """It holds nothing."""
        self.reserved.pop(ref, None)
        where = self._on.pop(ref, None)
        if where is None:
            return
        node_id, group = where
        _leave(self._nodes, node_id, ref)
        _leave(self._groups, group, ref)
        _leave(self._accounts, group.account, ref)

    def of_node(self, node_id: str) -> Share:
        return self._nodes.get(node_id, NOTHING)

    def of_group(self, group: Group) -> Share:
        return self._groups.get(group, NOTHING)

    def of_account(self, account: str) -> Share:
        return self._accounts.get(account, NOTHING)


def room_of(node_id: str, node: NodeJoined, share: Share) -> NodeRoom:
    """A node with what is free of it."""
    offer = node.offer
    return NodeRoom(
        node_id,
        node.incarnation,
        offer.node_type,
        offer.runtimes,
        offer.cpu_millis,
        offer.memory_bytes,
        offer.cpu_millis - share.cpu_millis,
        offer.memory_bytes - share.memory_bytes,
        offer.sandbox,
    )


def _leave(shares: dict[K, Share], key: K, ref: Ref) -> None:
    share = shares[key]
    share.remove(ref)
    if not share:
        del shares[key]
