"""The filter of system calls: each call really made below it, and everything honest going on as before."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import signal
from pathlib import Path

import pytest

from services.runner.sandbox import seccomp_calls as calls
from services.runner.sandbox.seccomp import program
from services.runner.sandbox.seccomp_install import install
from tests.fixtures.needs import requires
from tests.services.runner.boxes import Boxes

COLUMN = [*calls.MACHINES].index(platform.machine()) if platform.machine() in calls.MACHINES else -1
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
pytestmark = pytest.mark.skipif(COLUMN < 0, reason="the filter knows x86_64 and aarch64")


def under(filter_program: bytes, *made: tuple[int, ...]) -> list[int]:
    """What each call (number, arguments) gives under the filter, in a process of its own: 0, or the errno."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        install(filter_program)
        libc = ctypes.CDLL(None, use_errno=True)
        for number, *arguments in made:
            done = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments))
            os.write(writing, b"%d\n" % (ctypes.get_errno() if done < 0 else 0))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answers:
        found = [int(line) for line in answers]
    assert os.waitpid(child, 0)[1] == 0
    return found


def loaded(shared: bool = False) -> bytes:
    made = program(shared)
    assert made is not None
    return made


def numbers(table: dict[str, tuple[int | None, int | None]]) -> dict[str, int]:
    return {name: number for name, both in table.items() if (number := both[COLUMN]) is not None}


def test_every_call_of_the_table_is_refused() -> None:
    """With arguments of which the kernel itself would say something else."""
    table = numbers(calls.REFUSED)
    given = under(loaded(), *((number, -1, -1, -1, -1, -1) for number in table.values()))
    assert dict(zip(table, given, strict=True)) == dict.fromkeys(table, errno.EPERM)


def test_looking_into_others_is_refused_only_where_there_are_others() -> None:
    table = numbers(calls.OF_NEIGHBOURS)
    made = [(number, -1, -1, -1, -1, -1) for number in table.values()]
    assert errno.EPERM not in under(loaded(), *made)
    assert under(loaded(shared=True), *made) == [errno.EPERM] * len(made)


@pytest.mark.parametrize("flag", [1 << bit for bit in range(32) if 1 << bit & calls.NEW_NAMESPACES])
def test_no_new_namespace(flag: int) -> None:
    clone, unshare = calls.CLONE[COLUMN], calls.UNSHARE[COLUMN]
    # a thread without memory of its own: what the kernel would refuse as EINVAL
    assert under(loaded(), (clone, flag | 0x10000, 0, 0, 0, 0), (unshare, flag)) == [errno.EPERM] * 2


def test_honest_forms_of_the_same_calls_go_on() -> None:
    made = [
        (calls.UNSHARE[COLUMN], 0x400),
        (calls.UNSHARE[COLUMN], 0),
        (calls.PERSONALITY[COLUMN], 0xFFFFFFFF),
        (calls.PERSONALITY[COLUMN], 0),
    ]
    assert under(loaded(), *made) == [0, 0, 0, 0]


def test_odd_forms_of_honest_calls_are_refused() -> None:
    """The kernel looks at the lower half of these arguments, and so must the filter."""
    ioctl, high = calls.IOCTL[COLUMN], 0xF << 32
    made = [(ioctl, 0, trick, 0) for trick in calls.TERMINAL_TRICKS] + [(ioctl, 0, high | calls.TERMINAL_TRICKS[0], 0)]
    made += [(calls.PERSONALITY[COLUMN], 0x40000), (calls.PERSONALITY[COLUMN], 0x400000)]
    made += [(calls.UNSHARE[COLUMN], calls.NEW_TIME), (calls.UNSHARE[COLUMN], high | 0x10000000)]
    assert under(loaded(), *made) == [errno.EPERM] * len(made)


def test_what_is_too_new_or_of_another_numbering_is_not_there() -> None:
    made = [(calls.CLONE3[COLUMN], 0, 0), (calls.YOUNGEST + 1, -1), (0x40000000 + 39,), (0x7FFFFFFF,)]
    assert under(loaded(), *made) == [errno.ENOSYS] * len(made)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86_64 has calls of an older machine")
def test_a_program_for_an_older_machine_is_ended() -> None:
    child = os.fork()
    if child == 0:
        install(loaded())
        code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # its getpid, by the old gate
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
        ctypes.memmove(page, code, len(code))
        ctypes.CFUNCTYPE(ctypes.c_int)(page)()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) in (signal.SIGSYS, signal.SIGSEGV)


@pytest.mark.parametrize("machine", list(calls.MACHINES))
def test_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("apt-get install linux-libc-dev")
    text = HEADERS[machine].read_text()
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    column = [*calls.MACHINES].index(machine)
    table = {
        **calls.REFUSED,
        **calls.OF_NEIGHBOURS,
        "clone": calls.CLONE,
        "unshare": calls.UNSHARE,
        "clone3": calls.CLONE3,
    }
    table |= {"ioctl": calls.IOCTL, "personality": calls.PERSONALITY}
    assert {name: both[column] for name, both in table.items()} == {name: known.get(name) for name in table} | {
        name: table[name][column] for name in table if name not in known and table[name][column] == calls.CLONE3[0]
    }


def test_a_machine_whose_calls_nobody_knows_has_none() -> None:
    assert program(machine="m68k") is None
    assert {len(program(machine=each) or b"") % 8 for each in calls.MACHINES} == {0}


IN_A_BOX = """
import re
for path in ("/proc/self/status", "/proc/1/status"):
    print(re.findall(r"(?:NoNewPrivs|Seccomp):\\t(\\d)", open(path).read()))
"""


async def test_a_script_and_process_one_of_its_box_are_under_it(bubblewrap: Boxes) -> None:
    assert (await bubblewrap.run(IN_A_BOX)).stdout == "['1', '2']\n['1', '2']\n"


HONEST = """
import asyncio, ctypes, mmap, multiprocessing, os, signal, socket, subprocess, sys, tempfile, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

def square(n): return n * n

if __name__ == "__main__":
    with ThreadPoolExecutor(4) as pool: assert sum(pool.map(square, range(10))) == 285
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(2, mp_context=context) as pool: assert list(pool.map(square, [3])) == [9]
    shared = multiprocessing.Value("i", 1); multiprocessing.Lock().acquire()
    assert subprocess.run(["sh", "-c", "echo $((6*7)) | cat"], capture_output=True).stdout == b"42\\n"
    mmap.mmap(-1, 4096, prot=7)[0] = 1
    a, b = socket.socketpair(); a.send(b"x")
    async def main():
        done = await asyncio.create_subprocess_exec("true"); await done.wait()
    asyncio.run(main())
    os.memfd_create("x"); os.nice(1); os.mkfifo("fifo"); os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0))
    signal.setitimer(signal.ITIMER_REAL, 100); os.sched_getaffinity(0); os.getrandom(8)
    print("all of it")
"""


async def test_honest_scripts_do_not_notice(boxes: Boxes) -> None:
    code = f"import os, sys\nopen('honest.py', 'w').write({HONEST!r})\nos.execv(sys.executable, [sys.executable, 'honest.py'])"
    outcome = await boxes.run(code)
    assert (outcome.stdout, outcome.stderr) == ("all of it\n", "")


@requires("node")
async def test_node_does_not_notice(bubblewrap: Boxes) -> None:
    code = """cat > main.mjs <<'END'
import { Worker } from "node:worker_threads"; import { execSync } from "node:child_process"
import { readFile } from "node:fs/promises"; import { gzipSync } from "node:zlib"
await readFile("main.mjs"); gzipSync("x")
await new Promise((done) => new Worker("1", { eval: true }).on("exit", done))
console.log(execSync("echo hi").toString().trim())
END
exec node main.mjs"""
    outcome = await bubblewrap.run(code, runtime="sh")
    assert (outcome.stdout, outcome.stderr) == ("hi\n", "")
