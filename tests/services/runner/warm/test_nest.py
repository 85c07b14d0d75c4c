"""When a zygote serves, when it does not, and what becomes of scripts when something goes wrong with it."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
from pathlib import Path

import pytest

from services.runner.sandbox.seccomp_calls import REFUSED
from services.runner.warm import nest as nests
from services.runner.warm import zygote as zygotes
from services.runner.warm.warm import Warm
from services.runner.warm.zygote import Zygote
from tests.services.runner.boxes import BASE_ENV, Scripts, finish
from tests.services.runner.warm.conftest import until_said


def only(warm: Warm) -> Zygote:
    (zygote,) = warm.nest.warm.values()
    return zygote


async def pid_of_zygote(warm: Warm) -> int:
    """The last in the chain below bwrap: it waits for orders, or a script runs below it."""
    child = only(warm).process._process._child.pid  # type: ignore[attr-defined]
    while below := Path(f"/proc/{child}/task/{child}/children").read_text().split():
        child = int(below[0])
    return child


async def until(warm: Warm) -> None:
    """Nothing is warming up any more."""
    await asyncio.gather(*warm.nest.warming.values())


async def test_the_first_run_does_not_wait(warm: Scripts, nest_of: Warm) -> None:
    warm.warmed_up = False
    assert not (await warm.run("print(1)")).warm
    await until(nest_of)
    assert (await warm.run("print(1)")).warm


@pytest.mark.parametrize(
    "name",
    ["PYTHONHASHSEED", "LD_PRELOAD", "MALLOC_ARENA_MAX", "LANG", "LC_ALL", "OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS"],
)
async def test_variables_that_an_interpreter_reads_at_its_start(warm: Scripts, name: str) -> None:
    value = {"PYTHONHASHSEED": "7", "LD_PRELOAD": "", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}.get(name, "2")
    outcome = await warm.run("import os, sys; print(os.environ[sys.argv[1]])", name, env={name: value})
    assert (outcome.stdout, outcome.warm) == (value + "\n", False)


async def test_options_other_programs_and_cold_jobs_start_cold(warm: Scripts) -> None:
    warm.script = "main.py"
    outcome = await warm.run("print(1)", runtime="sh")
    assert not outcome.warm
    warm.warm = False
    assert not (await warm.run("print(1)")).warm
    warm.warm = True
    assert (await warm.run("print(1)")).warm


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Packages of a kind; `at_import` reads a variable, `threaded` starts a thread, `slow` and `broken` are that."""
    folder = tmp_path / "environment"
    packages = folder / "lib" / "site"
    packages.mkdir(parents=True)
    (packages / "plain.py").write_text(
        "try:\n    import optional_thing_that_is_not_there\nexcept ImportError:\n    pass\n"
    )
    (packages / "reads.py").write_text("import os\nfound = os.environ.get('READS_MINE', 'nothing')\n")
    (packages / "threaded.py").write_text("import threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n")  # fmt: skip
    (packages / "broken.py").write_text("raise RuntimeError('broken')\n")
    (packages / "leaves.py").write_text("import os\nos._exit(3)\n")
    return folder


def using(environment: Path, *imports: str) -> dict[str, object]:
    """How a script with these packages is started: as `PYTHONPATH` of the node, since they are no real environment."""
    base = BASE_ENV | {"PYTHONPATH": "/env/lib/site"}
    return {"environment": environment, "base_env": base, "imports": imports}


async def test_modules_are_loaded_before_and_only_by_who_asks(warm: Scripts, environment: Path, nest_of: Warm) -> None:
    more = using(environment, "plain")
    outcome = await warm.run("import sys; print('plain' in sys.modules); import plain, reads", **more)
    assert (outcome.stdout, outcome.stderr, outcome.warm) == ("True\n", "", True)
    assert "plain" in only(nest_of).hello.loaded
    assert "optional_thing_that_is_not_there" in only(nest_of).hello.missed


async def test_a_zygote_grows_with_what_scripts_import(warm: Scripts, environment: Path, nest_of: Warm) -> None:
    await warm.run("", **using(environment, "plain"))
    await warm.run("", **using(environment, "reads"))
    outcome = await warm.run("import sys; print('plain' in sys.modules, 'reads' in sys.modules)", **using(environment))
    assert (outcome.stdout, outcome.warm) == ("True True\n", True)
    assert only(nest_of).imports == {"plain", "reads"}


async def test_a_variable_that_a_module_read_when_it_was_loaded(warm: Scripts, environment: Path) -> None:
    more, code = using(environment, "reads"), "import reads; print(reads.found)"
    assert (await warm.run(code, **more)).stdout == "nothing\n"
    outcome = await warm.run(code, env={"READS_MINE": "mine"}, **more)
    assert (outcome.stdout, outcome.warm) == ("mine\n", False)
    outcome = await warm.run(code, env={"OTHER": "mine"}, **more)
    assert (outcome.stdout, outcome.warm) == ("nothing\n", True)


async def test_a_file_beside_the_script_that_is_called_like_a_module(warm: Scripts, environment: Path) -> None:
    for name in (
        "json.py",
        "plain/__init__.py",
        "optional_thing_that_is_not_there.py",
        "csv.cpython-311-x86_64-linux-gnu.so",
    ):
        outcome = await warm.run("print(1)", files={name: "x = 1"}, **using(environment, "plain"))
        assert not outcome.warm, name
    harmless = {"other.py": "", "csv.txt": "", "json.schema.json": "", "notes.json": ""}
    assert (await warm.run("print(1)", files=harmless, **using(environment, "plain"))).warm


async def test_a_module_that_starts_a_thread_is_not_warmed(warm: Scripts, environment: Path) -> None:
    outcome = await warm.run("import threaded; print('there')", **using(environment, "threaded"))
    assert (outcome.stdout, outcome.warm) == ("there\n", False)
    assert (await warm.run("print('other')", **using(environment, "plain"))).warm


async def test_a_module_that_cannot_be_imported_is_the_scripts_affair(warm: Scripts, environment: Path) -> None:
    outcome = await warm.run("import broken", **using(environment, "broken"))
    assert outcome.warm and outcome.exit.code == 1
    assert outcome.stderr.endswith("RuntimeError: broken\n")


async def test_packages_make_namespaces_at_most_while_they_are_imported(warm: Scripts, environment: Path) -> None:
    """In a zygote's own user namespace; the rest of what scripts are refused, they are refused, too."""
    calls = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
found = [libc.syscall(number, 0, 0, 0, 0, 0) for number in NUMBERS], os.listdir('/work'), os.path.exists('/tmp/attempts')
found += tuple(line.split()[1] for line in open('/proc/self/status') if line.startswith(('NoNew', 'Seccomp:')))
"""
    numbers = [
        REFUSED[name][platform.machine() != "x86_64"] for name in ("bpf", "io_uring_setup", "keyctl", "open_tree")
    ]
    (environment / "lib/site/curious.py").write_text(calls.replace("NUMBERS", str(numbers)))
    outcome = await warm.run("import curious; print(curious.found)", **using(environment, "curious"))
    assert (outcome.stdout, outcome.warm) == ("([-1, -1, -1, -1], [], False, '1', '2')\n", True)


async def test_a_module_that_ends_its_interpreter(warm: Scripts, environment: Path) -> None:
    outcome = await warm.run("print('cold')", **using(environment, "leaves"))
    assert (outcome.stdout, outcome.warm) == ("cold\n", False)


async def test_a_dead_zygote_is_replaced_and_nothing_is_lost(warm: Scripts, nest_of: Warm) -> None:
    await warm.run("print(1)")
    os.kill(await pid_of_zygote(nest_of), signal.SIGKILL)
    warm.warmed_up = False
    outcome = await warm.run("print('cold')")
    assert (outcome.stdout, outcome.warm) == ("cold\n", False)
    warm.warmed_up = True
    assert (await warm.run("print(1)")).warm


async def test_a_run_that_ends_with_its_zygote_did_not_fail_by_itself(warm: Scripts, nest_of: Warm) -> None:
    running = await warm.start("import time; print('ready', flush=True); time.sleep(1000)")
    await until_said(running, b"ready")
    os.kill(await pid_of_zygote_above(nest_of), signal.SIGKILL)
    outcome = await finish(running)
    assert not outcome.exit.started
    assert outcome.gone


async def pid_of_zygote_above(warm: Warm) -> int:
    """bwrap itself, so that all below it dies."""
    return only(warm).process._process._child.pid  # type: ignore[attr-defined,no-any-return]


async def test_a_zygote_that_hangs_costs_time_and_nothing_else(
    warm: Scripts, nest_of: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    await warm.run("print(1)")
    zygote, pid = only(nest_of), await pid_of_zygote(nest_of)
    monkeypatch.setattr(zygotes, "BIRTH_SECONDS", 0.3)
    os.kill(pid, signal.SIGSTOP)
    outcome = await warm.run("print('once')")
    assert (outcome.stdout, outcome.warm) == ("once\n", False)
    os.kill(pid, signal.SIGCONT) if zygote.process.alive() else None
    assert zygote.living == 0
    monkeypatch.undo()
    assert (await warm.run("print(1)")).warm


async def test_it_is_replaced_after_some_runs(warm: Scripts, nest_of: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with it the seed by which strings are hashed."""
    monkeypatch.setattr(nests, "RUNS_MAX", 2)
    said = []
    for _ in range(6):
        outcome = await warm.run("print(hash('x'))")
        assert outcome.warm
        said.append(outcome.stdout)
        await until(nest_of)
    assert len(set(said)) > 1
    assert len(nest_of.nest.warm) == 1


async def test_idle_ones_leave(warm: Scripts, nest_of: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    running = await warm.start("import time; print('ready', flush=True); time.sleep(1000)")
    await until_said(running, b"ready")
    monkeypatch.setattr(nests, "IDLE_SECONDS", 0.0)
    nest_of.nest.look()
    assert nest_of.nest.warm  # a script runs in it
    await finish(running, end=True)
    process = only(nest_of).process
    nest_of.nest.look()
    assert not nest_of.nest.warm
    await asyncio.gather(*nest_of.nest._tasks)
    assert not process.alive()


async def test_all_idle_ones_leave_when_memory_is_short(warm: Scripts, nest_of: Warm, tmp_path: Path) -> None:
    await warm.run("")
    meminfo = tmp_path / "meminfo"
    nest_of.nest._meminfo = meminfo
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 500 kB\n")
    nest_of.nest.look()
    assert nest_of.nest.warm
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 20 kB\n")
    nest_of.nest.look()
    assert not nest_of.nest.warm
    assert not (await warm.run("")).warm  # and none is begun
    assert not nest_of.nest.warming


async def test_the_one_used_longest_ago_makes_room(
    warm: Scripts, nest_of: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nests, "ZYGOTES_MAX", 2)
    for account in ("a", "b", "a", "c"):
        assert (await warm.run("", account=account)).warm
    assert {key.account for key in nest_of.nest.warm} == {"a", "c"}


async def test_its_end_leaves_nothing(warm: Scripts, nest_of: Warm) -> None:
    running = await warm.start("import time; print('ready', flush=True); time.sleep(1000)")
    await until_said(running, b"ready")
    pid = await pid_of_zygote(nest_of)
    await nest_of.close()
    assert (await finish(running)).gone
    assert not Path(f"/proc/{pid}").exists()
