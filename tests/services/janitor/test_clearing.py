"""Blobs that nobody needs go; one that anybody needs, or asks for meanwhile, stays."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from dataclasses import replace
from typing import Any

import pytest

from domain.batch import members
from domain.batch.commands import CancelBatch, ExpandBatch, FinishBatch, SubmitBatch
from domain.batch.events import MemberList
from domain.errors import Unavailable
from domain.execution.commands import SubmitExecution
from domain.execution.job import Job
from domain.files import FileRef, file_set
from domain.memo import memo_key
from services.janitor import clearing, lists
from services.runtime.log import Ref
from services.runtime.memos import reusable
from services.runtime.messages import BlobRef
from tests.gateway.conftest import ACCOUNT
from tests.services.janitor.conftest import House


async def test_what_is_kept_stays_and_what_has_expired_goes(house: House) -> None:
    job = Job("python", await house.file("a.py"), inputs=file_set((await house.file("in"),)))
    out, archive = await house.file("out"), await house.blob("the log")
    await house.run("exec_a", job, out, archive=archive)
    house.age()
    assert (await house.clear()).blobs == 0
    assert house.left() == set(house.blobs)
    house.days = 31
    await house.expire()
    cleared = await house.clear()
    assert (cleared.blobs, house.left()) == (4, set())
    assert cleared.size_bytes > 0
    assert (await house.clear()).blobs == 0


async def test_what_another_one_needs_survives(house: House) -> None:
    """By hash: the script of both, an output of the first that is an input of the second."""
    script, between = await house.file("a.py"), await house.file("between")
    await house.run("exec_first", Job("python", script), between, project="short")
    second = Job("python", script, inputs=file_set((replace(between, path="in"),)))
    await house.run("exec_second", second, await house.file("end"))
    await house.keep("short", 1)
    house.days = 2
    assert await house.expire() == 1
    house.age()
    await house.clear()
    assert house.left() == set(house.blobs)
    house.days = 31
    await house.expire()
    await house.clear()
    assert house.left() == set()


async def test_what_stands_in_lists_is_needed(house: House) -> None:
    inputs = await house.listed(await house.file("in/1"), await house.file("in/2"))
    outputs = await house.listed(await house.file("out/1"))
    shared = await house.listed(await house.file("model"))
    job = Job("python", await house.file("a.py"), inputs=inputs, shared=shared)
    await house.run("exec_a", job, outputs=outputs)
    house.age()
    await house.clear()
    assert house.left() == set(house.blobs)


async def test_a_list_is_parsed_piece_by_piece_and_not_in_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each of its files is needed, wherever in it it stands."""
    owned = [f"in/{number}" for number in range(20_000)]
    needed = {await house.file(owned[0]), await house.file(owned[9_999]), await house.file(owned[-1])}
    known = {file.path: file for file in needed}
    each = [known.get(path, FileRef(path, hashlib.sha256(path.encode()).hexdigest(), 1)) for path in owned]
    content = members.encode(members.Member(f"m{number}", (), (file,)) for number, file in enumerate(each))
    batch = SubmitBatch(MemberList(await house.blob(content.decode()), len(content), 20_000), Job("sh", each[0]), "f")
    await house.gateway.projected(await house.gateway.command(Ref(ACCOUNT, "batch", "batch_x"), batch))
    inputs = await house.listed(*each)
    await house.run("exec_a", Job("python", await house.file("a.py"), inputs=inputs))
    fed: list[tuple[int, bool]] = []
    for kind in (lists._Members, lists._Manifest):

        def feed(self: lists.Listing, data: bytes, feed: Any = kind.feed) -> set[str]:
            fed.append((len(data), threading.current_thread() is threading.main_thread()))
            return feed(self, data)  # type: ignore[no-any-return]

        monkeypatch.setattr(kind, "feed", feed)
    await house.blob("nobody ever named this")
    house.age()
    assert (await house.clear()).blobs == 1
    assert house.left() == set(house.blobs[:-1])
    assert len(fed) > 4 and max(fed)[0] <= 1024**2
    assert not any(in_the_loop for _, in_the_loop in fed)


async def test_a_list_that_cannot_be_read_keeps_everything(house: House) -> None:
    inputs = await house.listed(await house.file("in"))
    await house.run("exec_a", Job("python", await house.file("a.py"), inputs=inputs))
    orphan = await house.blob("nobody ever named this")
    assert inputs.manifest is not None
    await house.gateway.parts.store.delete(ACCOUNT, inputs.manifest)
    house.age()
    assert (await house.clear()).blobs == 0
    assert orphan in house.left()


async def test_what_nobody_ever_named_goes_after_a_day(house: House) -> None:
    await house.blob("uploaded, and never used")
    assert (await house.clear()).blobs == 0
    house.age()
    assert (await house.clear()).blobs == 1


@pytest.mark.parametrize("expanded", [False, True])
async def test_a_batch_that_is_open_keeps_its_members_files(house: House, expanded: bool) -> None:
    own = [await house.file(f"in/{number}") for number in range(3)]
    content = members.encode(members.Member(f"m{number}", (), (file,)) for number, file in enumerate(own))
    listing = MemberList(await house.blob(content.decode()), len(content), 3)
    shared = file_set((await house.file("model"),))
    batch = Ref(ACCOUNT, "batch", "batch_x")
    submit = SubmitBatch(listing, Job("python", await house.file("a.py"), shared=shared), "f")
    await house.gateway.projected(await house.gateway.command(batch, submit))
    if expanded:
        for number, file in enumerate(own):
            job = replace(submit.job, inputs=file_set((file,)))
            await house.submit(f"exec_m{number}", job, batch_id="batch_x", member=f"m{number}")
            await house.finish(f"exec_m{number}")
        await house.gateway.projected(await house.gateway.command(batch, ExpandBatch(3)))
    house.age()
    house.days = 20
    await house.expire()
    await house.clear()
    assert house.left() == set(house.blobs)
    if expanded:
        await house.gateway.projected(await house.gateway.command(batch, FinishBatch({"succeeded": 3}, 0)))
        house.days = 31
        assert await house.expire() == 3
        await house.clear()
        assert house.left() == set()


async def test_an_upload_that_was_told_it_is_there_can_rely_on_it(house: House) -> None:
    """`missing` said so a moment ago, and the submit that names it comes after the sweep."""
    await house.run("exec_a", Job("python", await house.file("a.py")))
    house.days = 31
    await house.expire()
    house.age()
    (sha256,) = house.blobs
    assert await house.gateway.parts.store.missing(ACCOUNT, [BlobRef(sha256, 0)]) == []
    assert (await house.clear()).blobs == 0
    await house.run("exec_b", Job("python", await house.file("a.py")))


async def test_a_submit_while_the_janitor_is_at_it_keeps_its_files(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the janitor's look at who needs a blob and its removal."""
    script = await house.file("a.py")
    await house.run("exec_a", Job("python", script))
    house.days = 31
    await house.expire()
    house.age()
    keep_needed = clearing._keep_needed

    async def then_submit(*arguments: object) -> None:
        await keep_needed(*arguments)  # type: ignore[arg-type]
        assert await house.gateway.parts.store.missing(ACCOUNT, [BlobRef(script.sha256, script.size_bytes)]) == []
        await house.gateway.command(Ref(ACCOUNT, "execution", "exec_b"), SubmitExecution(Job("python", script), "f"))

    monkeypatch.setattr(clearing, "_keep_needed", then_submit)
    await house.clear()
    assert house.left() == {script.sha256}


async def test_a_run_that_is_to_be_reused_keeps_its_outputs(house: House) -> None:
    """A memo is looked up; the run that serves expires; then the new run that names its outputs is written."""
    files = [await house.file("out/1"), await house.file("out/2")]
    out, archive = await house.listed(*files), await house.blob("log")
    job = Job("python", await house.file("a.py"))
    await house.run("exec_a", job, outputs=out, archive=archive)
    house.age()
    assert (await reusable(house.context(), ACCOUNT, [job]))[memo_key(job)].execution_id == "exec_a"
    house.days = 31
    await house.expire()
    await house.clear()
    assert house.left() == {out.manifest, archive, *(file.sha256 for file in files)}


async def test_a_run_whose_outputs_are_gone_does_not_serve(house: House) -> None:
    out = await house.file("out")
    job = Job("python", await house.file("a.py"))
    await house.run("exec_a", job, out)
    await house.gateway.parts.store.delete(ACCOUNT, out.sha256)
    assert await reusable(house.context(), ACCOUNT, [job]) == {}


async def test_nothing_goes_while_the_read_models_are_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.blob("uploaded, and never used")
    house.age()
    house.gateway._projecting.cancel()
    await house.gateway.command(
        Ref(ACCOUNT, "execution", "exec_b"), SubmitExecution(Job("sh", await house.file("b")), "f")
    )
    house.age()
    monkeypatch.setattr("services.janitor.expiring.BEHIND_SECONDS_MAX", 0.2)
    with pytest.raises(Unavailable):
        await house.clear()
    assert house.left() == set(house.blobs)


async def test_two_janitors_do_not_disturb_each_other(house: House) -> None:
    for number in range(30):
        await house.blob(f"nobody named {number}")
    house.age()
    cleared = await asyncio.gather(house.clear(), house.clear())
    assert (sum(each.blobs for each in cleared), house.left()) == (30, set())


async def test_accounts_are_told_apart(house: House) -> None:
    script = await house.file("a.py")
    await house.run("exec_a", Job("python", script))
    await house.gateway.store(b"content of a.py", account="other")
    house.age()
    assert (await house.clear()).blobs == 1
    assert house.left() == {script.sha256}


async def test_a_cancelled_batch_lets_go_of_what_never_ran(house: House) -> None:
    own = await house.file("in")
    content = members.encode([members.Member("m", (), (own,))])
    listing = MemberList(await house.blob(content.decode()), len(content), 1)
    batch = Ref(ACCOUNT, "batch", "batch_x")
    await house.gateway.command(batch, SubmitBatch(listing, Job("python", await house.file("a.py")), "f"))
    await house.gateway.projected(await house.gateway.command(batch, CancelBatch("me")))
    house.age()
    await house.clear()
    assert house.left() == set(house.blobs)
