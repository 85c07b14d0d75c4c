"""A runner at work, on real NATS and a real blob door: runs, ends, cancels, recovers, leaves."""

from __future__ import annotations

import asyncio
import signal

import pytest

from domain.execution.job import Limits
from services.runner import disk
from services.runner.ending import PATIENCE_SECONDS
from services.runner.sandbox.cgroup import Groups
from tests.fixtures.nats import NatsServer
from tests.services.runner.grid import NODE, Grid, Make
from tests.services.runner.test_journal import full_after

COPY = """
import sys
from pathlib import Path
text = Path(sys.argv[1]).read_text()
print(text.upper(), end="")
print("done", file=sys.stderr)
Path("out").mkdir()
Path("out/copy of it.txt").write_text(text)
"""


async def test_a_script_with_an_input_runs_and_everything_comes_home(grid: Grid) -> None:
    execution, result = await grid.run(COPY, inputs={"data/in.txt": "häl lo\n".encode()}, args=("data/in.txt",))
    assert (result.status, result.reason.code, result.exit_code) == ("succeeded", "OK", 0)
    assert [(file.path, file.size_bytes) for file in result.outputs.entries] == [("out/copy of it.txt", 8)]
    assert await grid.get(result.outputs.entries[0].sha256) == "häl lo\n".encode()
    assert (result.log.lines, result.log.stdout_lines, result.log.stderr_lines) == (2, 1, 1)
    await grid.until(lambda: len(grid.chunks.get(execution, [])) == result.log.chunks)
    assert (grid.log(execution, "stdout"), grid.log(execution, "stderr")) == ("HÄL LO\n".encode(), b"done\n")
    assert result.log.archive is not None
    assert await grid.get(result.log.archive)
    assert [verb for verb, fact in grid.reports if fact.get("execution") == execution] == ["started", "finished"]
    assert grid.facts("started", execution)[0]["sandbox"] == "bubblewrap"


async def test_who_is_over_in_no_time_is_reported_once(make_grid: Make) -> None:
    grid = await make_grid("instant")
    execution, result = await grid.run("pass")
    assert [verb for verb, fact in grid.reports if fact.get("execution") == execution] == ["finished"]
    assert result.started_at_us is not None
    assert grid.facts("finished", execution)[0]["sandbox"] == "instant"


async def test_who_says_nothing_for_long_is_reported_as_started(grid: Grid) -> None:
    execution = await grid.send(await grid.job("import time; time.sleep(1000)"))
    await grid.until(lambda: grid.facts("started", execution))
    await grid.cancel(execution)
    await grid.finished(execution)


@pytest.mark.parametrize(
    ("code", "reason", "exit_code", "number"),
    [
        ("raise SystemExit(7)", "EXIT_CODE", 7, None),
        ("import os; os.kill(os.getpid(), 11)", "SIGNAL", 139, signal.SIGSEGV),
        ("def", "EXIT_CODE", 1, None),
    ],
)
async def test_failures_are_explained(grid: Grid, code: str, reason: str, exit_code: int, number: int | None) -> None:
    _, result = await grid.run(code)
    assert (result.status, result.reason.code) == ("failed", reason)
    assert (result.exit_code, result.signal) == (exit_code, number)


async def test_other_runtimes(grid: Grid) -> None:
    execution, result = await grid.run('echo "$1 $RGRID_ATTEMPT"; pwd', runtime="sh", path="s.sh", args=("hi",))
    assert result.status == "succeeded"
    await grid.until(lambda: grid.log(execution, "stdout") == b"hi 1\n/work\n")


async def test_a_timeout_ends_even_who_ignores_sigterm(grid: Grid) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(100)"
    _, result = await grid.run(code, limits=Limits(1000, 256 * 1024**2, 0.5))
    assert (result.status, result.reason.code, result.log.lines) == ("timed_out", "TIMED_OUT", 1)


async def test_out_of_memory_is_said_on_evidence(groups: Groups, grid: Grid) -> None:
    _, result = await grid.run("x = b'1' * 400_000_000", limits=Limits(1000, 64 * 1024**2, 60))
    assert (result.status, result.reason.code) == ("failed", "OUT_OF_MEMORY")
    _, result = await grid.run("import os; os.kill(os.getpid(), 9)", limits=Limits(1000, 64 * 1024**2, 60))
    assert (result.status, result.reason.code) == ("failed", "SIGNAL")


FILLS = """
import time
for part in range(40):
    with open(f"part{part}", "wb") as file:
        file.write(bytes(4_000_000))
    time.sleep(0.02)
print("full", flush=True)
time.sleep(1000)
"""


async def test_a_script_that_fills_the_disk_is_ended(grid: Grid) -> None:
    _, result = await grid.run(FILLS, limits=Limits(1000, 256 * 1024**2, 60, 50_000_000))
    assert (result.status, result.reason.code, result.outputs.count) == ("failed", "DISK_LIMIT", 0)
    assert "--disk" in result.reason.hint


async def test_one_file_is_never_larger_than_the_disk_limit(grid: Grid) -> None:
    code = "import os; file = open('big', 'wb'); [file.write(bytes(1_000_000)) for _ in range(100)]"
    _, result = await grid.run(code, limits=Limits(1000, 256 * 1024**2, 60, 20_000_000))
    assert (result.status, result.reason.code, result.exit_code) == ("failed", "DISK_LIMIT", 1)


async def test_holes_and_deleted_files_do_not_count(grid: Grid) -> None:
    code = """
import os, time
os.truncate(os.open("hole", os.O_CREAT | os.O_WRONLY), 19_000_000)
for part in range(20):
    with open("same", "wb") as file:
        file.write(bytes(4_000_000))
    os.unlink("same")
    time.sleep(0.05)
os.unlink("hole")
"""
    _, result = await grid.run(code, limits=Limits(1000, 256 * 1024**2, 60, 20_000_000))
    assert (result.status, result.reason.code) == ("succeeded", "OK")


async def test_nothing_is_begun_where_hardly_any_room_is_left(make_grid: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "FLOOR_BYTES_MAX", 2**62)
    monkeypatch.setattr(disk, "FLOOR_SHARE", 1)
    monkeypatch.setattr(disk, "PATIENCE_SECONDS", 0.1)
    grid = await make_grid("instant")
    execution, result = await grid.run("pass")
    assert (result.status, result.reason.code) == ("lost", "NODE_DISK_FULL")
    assert grid.facts("started", execution) == []


async def test_a_cancelled_script_is_dead_before_it_is_said(grid: Grid) -> None:
    execution = await grid.send(await grid.job("import time; print('on', flush=True); time.sleep(1000)"))
    await grid.until(lambda: grid.log(execution, "stdout"))
    await grid.cancel(execution)
    result = await grid.finished(execution)
    assert (result.status, result.reason.code, result.log.lines) == ("cancelled", "CANCELLED", 1)


async def test_a_stale_attempt_is_killed_without_a_word(grid: Grid) -> None:
    execution = await grid.send(await grid.job("import time; print('on', flush=True); time.sleep(1000)"))
    await grid.until(lambda: grid.log(execution, "stdout"))
    await grid.cancel(execution, "stale")
    await _idle(grid)
    assert grid.facts("finished", execution) == []


async def test_a_cancel_that_comes_first_is_kept(make_grid: Make) -> None:
    """Work that could not be taken at once is delivered again, behind its cancel."""
    grid = await make_grid("instant")
    await grid.cancel("exec_early")
    await grid.cancel("exec_early_stale", "stale")
    job = await grid.job("pass")
    await grid.send(job, execution="exec_early_stale")
    await grid.send(job, execution="exec_early")
    assert (await grid.finished("exec_early")).reason.code == "CANCELLED"
    await _idle(grid)
    assert grid.facts("started", "exec_early") == []
    assert grid.facts("finished", "exec_early_stale") == []


WRITES = "open('out', 'w').write('done')"


async def test_a_cancel_after_the_end_changes_nothing(make_grid: Make) -> None:
    grid = await make_grid("process")
    grid.open_uploads.clear()
    execution = await grid.send(await grid.job(WRITES))
    await grid.until(lambda: execution in grid.asked_uploads)
    await grid.cancel(execution)
    await grid.send(await grid.job("pass"), execution="exec_behind")
    await grid.finished("exec_behind")
    grid.open_uploads.set()
    result = await grid.finished(execution)
    assert (result.status, [file.path for file in result.outputs.entries]) == ("succeeded", ["out"])


async def test_a_cancel_gives_up_on_outputs_that_cannot_come_home(
    make_grid: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATIENCE_SECONDS, "cancelled", 0.3)
    grid = await make_grid("process")
    grid.open_uploads.clear()
    execution = await grid.send(await grid.job(WRITES))
    await grid.until(lambda: execution in grid.asked_uploads)
    await grid.cancel(execution)
    result = await grid.finished(execution)
    assert (result.status, result.reason.code, result.outputs.count) == ("cancelled", "CANCELLED", 0)


async def test_work_waits_for_room_and_can_be_cancelled_meanwhile(make_grid: Make) -> None:
    grid = await make_grid("process")
    whole = Limits(4000, 1024**3, 60)
    first = await grid.send(await grid.job("import time; print('on', flush=True); time.sleep(1000)", limits=whole))
    await grid.until(lambda: grid.log(first, "stdout"))
    second = await grid.send(await grid.job("print(2)", limits=whole))
    third = await grid.send(await grid.job("print(3)", limits=whole))
    await grid.cancel(second)
    assert (await grid.finished(second)).reason.code == "CANCELLED"
    assert grid.facts("started", second) == []
    await grid.cancel(first)
    assert (await grid.finished(third)).status == "succeeded"


async def test_more_inputs_and_outputs_than_an_event_holds(grid: Grid) -> None:
    code = """
from pathlib import Path
for path in sorted(Path("in").iterdir()):
    (Path("made") / path.name[::-1]).parent.mkdir(exist_ok=True)
    (Path("made") / path.name[::-1]).write_bytes(path.read_bytes() * 2)
"""
    _, result = await grid.run(code, inputs={f"in/{n}": str(n % 10).encode() for n in range(300)})
    assert (result.status, result.outputs.count, result.outputs.entries) == ("succeeded", 300, ())
    assert result.outputs.manifest is not None
    assert b'"made/992"' in await grid.get(result.outputs.manifest)


async def test_a_large_output_comes_home_whole(grid: Grid) -> None:
    code = "import random; open('big', 'wb').write(random.Random(1).randbytes(9_000_000) + bytes(9_000_000))"
    _, result = await grid.run(code)
    assert [file.size_bytes for file in result.outputs.entries] == [18_000_000]
    data = await grid.get(result.outputs.entries[0].sha256)
    assert len(data) == 18_000_000


async def test_the_script_cannot_spoil_the_cache(grid: Grid) -> None:
    code = "open('in.txt', 'a').write('more')"
    for _ in range(2):
        _, result = await grid.run(code, inputs={"in.txt": b"same"})
        assert [(file.path, file.size_bytes) for file in result.outputs.entries] == [("in.txt", 8)]


async def test_a_log_beyond_its_limit_says_so(make_grid: Make) -> None:
    grid = await make_grid("process", log_bytes_max=1000)
    execution, result = await grid.run("for n in range(1000): print(n)")
    assert result.status == "succeeded"
    assert result.log.dropped_bytes > 0
    await grid.until(lambda: len(grid.chunks.get(execution, [])) == result.log.chunks)
    assert b"RGRID_LOG_BYTES_MAX" in grid.log(execution, "rgrid")


async def test_a_path_that_leaves_the_folder_is_refused(grid: Grid) -> None:
    _, result = await grid.run("pass", inputs={"../up": b"x"})
    assert (result.status, result.reason.code) == ("failed", "INPUT_DAMAGED")


@pytest.mark.parametrize("inputs", [{"a": b"x", "a/b": b"y"}, {"a/b": b"y", "a": b"x"}, {"n" * 300: b"x"}])
async def test_names_that_cannot_be_together_fail(grid: Grid, inputs: dict[str, bytes]) -> None:
    _, result = await grid.run("pass", inputs=inputs)
    assert (result.status, result.reason.code) == ("failed", "INPUT_DAMAGED")


async def test_a_fault_of_the_machine_is_no_failure_of_the_script(make_grid: Make) -> None:
    grid = await make_grid("instant")
    job = await grid.job("pass", inputs={"in": b"x" * 3_000_000})
    with full_after(2_500_000):
        execution = await grid.send(job)
        result = await grid.finished(execution)
        assert (result.status, result.reason.code) == ("lost", "NODE_FAILED")
    await grid.send(job, attempt=2, execution=execution)
    await grid.until(lambda: len(grid.facts("finished", execution)) == 2)
    assert grid.facts("finished", execution)[1]["result"]["status"] == "succeeded"


async def test_blobs_that_vanished_are_fetched_again(make_grid: Make) -> None:
    grid = await make_grid("instant")
    await grid.run("pass", inputs={"in": b"here"})
    for blob in (grid.folder / "blobs").iterdir():
        blob.unlink()
    _, result = await grid.run("pass", inputs={"in": b"here"})
    assert (result.status, result.reason.code) == ("lost", "NODE_FAILED")
    _, result = await grid.run("pass", inputs={"in": b"here"})
    assert result.status == "succeeded"


async def test_a_lease_that_is_gone_ends_without_a_word(make_grid: Make) -> None:
    grid = await make_grid("process")
    job = await grid.job("open('x', 'w').write('x')")
    grid.stale.add(("exec_stale", 1))
    await grid.send(job, execution="exec_stale")
    _, result = await grid.run("pass")
    assert result.status == "succeeded"
    await _idle(grid)
    assert grid.facts("finished", "exec_stale") == []


async def test_work_that_was_assigned_to_an_earlier_life_is_done(make_grid: Make) -> None:
    """The scheduler may learn of a new life a moment after it gave work to the old one."""
    grid = await make_grid("instant")
    mine, grid.incarnation = grid.incarnation, "life_other"
    execution = await grid.send(await grid.job("pass"))
    grid.incarnation = mine
    assert (await grid.finished(execution)).status == "succeeded"


async def test_work_is_not_taken_while_the_journal_cannot_be_written(make_grid: Make) -> None:
    grid = await make_grid("instant")
    beats = await _beats(grid)
    await grid.journal.hold("x" * 2_000_000, "exec_pad", 1)
    job = await grid.job("pass")
    with full_after((grid.folder / "journal").stat().st_size):
        execution = await grid.send(job)
        await _heard(grid, beats, 5)
        assert grid.facts("started", execution) == []
        assert not any(execution.encode() in beat for beat in beats)
    assert (await grid.finished(execution)).status == "succeeded"


async def test_a_second_delivery_changes_nothing(make_grid: Make) -> None:
    grid = await make_grid("instant")
    job = await grid.job("pass")
    execution = await grid.send(job)
    await grid.finished(execution)
    await grid.send(job, execution=execution)
    await grid.run("pass")
    assert len(grid.facts("finished", execution)) == 1


async def test_the_script_goes_on_while_nats_is_away(grid: Grid, nats_server: NatsServer) -> None:
    code = """
import time
for n in range(20):
    print(n, flush=True)
    time.sleep(0.1)
"""
    execution = await grid.send(await grid.job(code))
    await grid.until(lambda: grid.log(execution, "stdout"))
    nats_server.kill()
    await asyncio.sleep(1)
    nats_server.start()
    result = await grid.finished(execution)
    assert (result.status, result.log.lines) == ("succeeded", 20)
    stored = await _stored(grid, execution)
    assert b"".join(stored[number] for number in sorted(stored)) == b"".join(b"%d\n" % n for n in range(20))


async def test_a_clean_stop_gives_the_work_back(grid: Grid) -> None:
    execution = await grid.send(await grid.job("import time; print('on', flush=True); time.sleep(1000)"))
    await grid.until(lambda: grid.log(execution, "stdout"))
    await grid.end()
    result = await grid.finished(execution)
    assert (result.status, result.reason.code) == ("lost", "RUNNER_STOPPED")
    await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "left"])


async def test_heartbeats_name_what_is_held(grid: Grid) -> None:
    beats = await _beats(grid)
    execution = await grid.send(await grid.job("import time; time.sleep(1000)"))
    await grid.until(lambda: any(execution.encode() in beat for beat in beats))
    await grid.cancel(execution)


async def _beats(grid: Grid) -> list[bytes]:
    """The heartbeats from now on."""
    beats: list[bytes] = []

    async def heard(message: object) -> None:
        beats.append(message.data)  # type: ignore[attr-defined]
        grid.changed.set()

    await grid.bus.subscribe(f"rgrid.lease.{NODE}", heard)
    return beats


async def _heard(grid: Grid, beats: list[bytes], more: int) -> None:
    wanted = len(beats) + more
    await grid.until(lambda: len(beats) >= wanted)


async def _idle(grid: Grid) -> None:
    """Nothing is left of any attempt: looked at, since nobody is told."""
    for _ in range(1000):
        if not (grid.folder / "attempts").exists() or not any((grid.folder / "attempts").iterdir()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("something is left of an attempt")


async def _stored(grid: Grid, execution: str) -> dict[int, bytes]:
    """The log in the stream, by chunk."""
    import orjson

    from services.runtime import subjects
    from services.runtime.follow import follow_stream

    found: dict[int, bytes] = {}
    wanted = (await grid.finished(execution)).log.chunks
    async with asyncio.timeout(20):
        async for batch in follow_stream(grid.bus, subjects.LOGS, subjects.log_filter("local", execution), 0):
            for pulled in batch:
                head, _, raw = pulled.data.partition(b"\n")
                found[orjson.loads(head)["chunk"]] = raw
            if len(found) == wanted:
                return found
    raise AssertionError(found)
