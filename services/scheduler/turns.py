"""Whose turn it is. Of all accounts, the one that holds the least cpu; of what it waits for, the highest priority; of
that, the group that holds the least; of that, who came first. A group is a batch, or the single runs of a project.

Of those that hold the same, the one goes first whose last turn is longest ago. Nobody can push another account aside:
priorities order what belongs to one.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import count, islice

from services.scheduler.board import Board
from services.scheduler.entry import Entry, Group
from services.scheduler.lines import Line

Rank = tuple[int, int, int, int]
Share = tuple[int, int]
"""What somebody holds (thousandths of a core), and when the last turn was."""
NOW = 10**18
"""A turn later than all before it."""


class Turns:
    """`next` says whose turn it is; then it is `taken` (it got a place) or `passed` (its line gets none now)."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._in_flight = Counter(board.open[ref].group for ref in board.reserved)
        heads: defaultdict[str, list[_Head]] = defaultdict(list)
        for line, entries in board.lines.standing.items():
            rest = self._startable(line, entries.values())
            first = next(rest, None)
            if first is not None:
                heads[line.group.account].append(_Head(line, first, rest))
        self._numbers = count()
        self._queue: list[tuple[Rank, int, _Account]] = []
        self._accounts = {account: _Account(board, account, its_heads) for account, its_heads in heads.items()}
        for account in self._accounts.values():
            self._enqueue(account)

    def next(self) -> Entry | None:
        """The one whose turn it is, None when nobody is left."""
        return self._queue[0][2].first().entry if self._queue else None

    def taken(self) -> None:
        """It was given a place, and holds it from now on."""
        account = heapq.heappop(self._queue)[2]
        account.take()
        self._enqueue(account)

    def passed(self) -> None:
        """There is no place for it, nor for anybody behind it in its line."""
        account = heapq.heappop(self._queue)[2]
        account.drop()
        self._enqueue(account)

    def comes_after(self, group: Group, other: Group) -> bool:
        """Whether another group's turn is before this one's, by what they hold and when their last turns were; of two
        accounts: whether the other account's is. Within a group nobody is held up."""
        account, others = self._accounts[group.account], self._accounts[other.account]
        if account is others:
            return account.share(group) > account.share(other)
        return account.own_share > others.own_share

    def _enqueue(self, account: _Account) -> None:
        if account.waits:
            heapq.heappush(self._queue, (account.rank(), next(self._numbers), account))

    def _startable(self, line: Line, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Who of a line may be placed, in order.

        Of a batch with a limit N these are among the first N less those that hold a lease: who is on the way to the log or
        waits for a retry keeps its place. So two schedulers cannot exceed the limit together (docs/decisions/0014).
        """
        watched = self._board.batches.of(line.group)
        if line.group.batch_id and watched is None:
            return
        if watched is not None and watched.state.parallel:
            leased = len(self._board.held.of_group(line.group)) - self._in_flight[line.group]
            entries = islice(entries, max(0, watched.state.parallel - leased))
        if watched is not None and not watched.startable:
            entries = (entry for entry in entries if watched.starts(entry.back))
        now = self._board.clock()
        for entry in entries:
            if entry.due <= now and entry.ref not in self._board.reserved:
                yield entry


class _Head:
    """Whose turn it is in one line, and who stands behind."""

    __slots__ = ("entry", "line", "rest")

    def __init__(self, line: Line, entry: Entry, rest: Iterator[Entry]) -> None:
        self.line, self.entry, self.rest = line, entry, rest


class _Account:
    """The lines of one account. What is held only grows meanwhile, so a rank that was true is never too high."""

    def __init__(self, board: Board, account: str, heads: list[_Head]) -> None:
        self.own_share = board.held.of_account(account).cpu_millis, board.last_turns.get(account, 0)
        self._shares = {
            group: (board.held.of_group(group).cpu_millis, board.last_turns.get(group, 0))
            for group in {head.line.group for head in heads}
        }
        self._numbers = count()
        self._queue = [(self._rank(head), next(self._numbers), head) for head in heads]
        heapq.heapify(self._queue)

    @property
    def waits(self) -> bool:
        return bool(self._queue)

    def rank(self) -> Rank:
        head = self.first()
        return *self.own_share, -head.line.priority, head.entry.queued

    def share(self, group: Group) -> Share:
        return self._shares[group]

    def first(self) -> _Head:
        """The head whose turn it is. Only while somebody `waits`."""
        while True:
            rank, _, head = self._queue[0]
            true_rank = self._rank(head)
            if rank == true_rank:
                return head
            heapq.heapreplace(self._queue, (true_rank, next(self._numbers), head))

    def take(self) -> None:
        head = self.first()
        cpu_millis, group = head.entry.limits.cpu_millis, head.line.group
        self.own_share = self.own_share[0] + cpu_millis, NOW
        self._shares[group] = self._shares[group][0] + cpu_millis, NOW
        entry = next(head.rest, None)
        if entry is None:
            heapq.heappop(self._queue)
        else:
            head.entry = entry
            heapq.heapreplace(self._queue, (self._rank(head), next(self._numbers), head))

    def drop(self) -> None:
        self.first()
        heapq.heappop(self._queue)

    def _rank(self, head: _Head) -> Rank:
        return -head.line.priority, *self._shares[head.line.group], head.entry.queued
