"""What one run leaves, the next does not find: files, variables, processes, memory, luck."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal

from services.runner.sandbox.boxed import over
from services.runner.warm.proof import pid_of
from services.runner.warm.running import Forked
from services.runner.warm.warm import Warm
from tests.services.runner.boxes import BASE_ENV, MIB, Scripts, finish
from tests.services.runner.warm.conftest import until_said

PLACES = (
    "/tmp",
    "/dev/shm",
    "/work",
    "/dev",
    "/",
    "/env",
    "/tmp/zygote",
    "/run",
    "/proc/sys/kernel",
    "/dev/mqueue",
    "/etc",
)


async def test_files_of_the_last_run_are_not_there(warm: Scripts) -> None:
    leave = f"""
import os
for place in {PLACES!r}:
    try:
        open(os.path.join(place, "left-here"), "w").write("x")
        print(place)
    except OSError:
        pass
"""
    look = f"""
import os
print([place for place in {PLACES!r} if os.path.exists(os.path.join(place, "left-here"))])
"""
    assert (await warm.run(leave)).stdout.split() == ["/tmp", "/dev/shm", "/work"]
    outcome = await warm.run(look)
    assert (outcome.stdout, outcome.warm) == ("[]\n", True)


async def test_nothing_is_shared_while_both_run(warm: Scripts) -> None:
    """Not files, terminals, message queues, shared memory, abstract sockets, processes."""
    first = await warm.start("""
import ctypes, os, pty, socket, time
open("/tmp/mine", "w").write("x")
pty.openpty()
libc = ctypes.CDLL(None)
assert libc.shmget(77, 4096, 0o1666) >= 0
assert libc.msgget(77, 0o1666) >= 0
held = socket.socket(socket.AF_UNIX)
held.bind("\\0name")
held.listen()
server = socket.create_server(("127.0.0.1", 7777))
print("ready", flush=True)
time.sleep(1000)
""")
    await until_said(first, b"ready")
    outcome = await warm.run("""
import ctypes, os, socket
libc = ctypes.CDLL(None)
print(os.path.exists("/tmp/mine"), os.listdir("/dev/pts"), libc.shmget(77, 4096, 0), libc.msgget(77, 0))
print([name for name in os.listdir("/proc") if name.isdigit()])
for kind, address in ((socket.AF_UNIX, "\\0name"), (socket.AF_INET, ("127.0.0.1", 7777))):
    try:
        socket.socket(kind).connect(address)
        print("connected")
    except OSError as error:
        print(type(error).__name__)
""")
    said = "False ['ptmx'] -1 -1\n['1', '2']\nConnectionRefusedError\nConnectionRefusedError\n"
    assert (outcome.stdout, outcome.stderr, outcome.warm) == (said, "", True)
    await finish(first, end=True)


SEARCH = """
import sys
wanted = bytes(255 - each for each in {inverted!r})
found = 0
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        begin, end = (int(part, 16) for part in line.split()[0].split("-"))
        if not line.split()[1].startswith("rw") or "[v" in line:
            continue
        memory.seek(begin)
        piece = memory.read(end - begin)
        at = piece.find(wanted)
        while at >= 0:
            found += not 0 <= begin + at - id(wanted) < 200
            at = piece.find(wanted, at + 1)
        del piece
print(found)
"""


async def test_the_secrets_of_an_earlier_run_are_nowhere_in_memory(warm: Scripts) -> None:
    secret = secrets.token_hex(16)
    code = "import os, sys; x = os.environ['SECRET'] + sys.argv[1] + open('/run/secrets/key').read(); print(len(x))"
    outcome = await warm.run(code, secret, env={"SECRET": secret}, secrets={"key": secret.encode()})
    assert (outcome.stdout, outcome.warm) == ("96\n", True)
    search = SEARCH.format(inverted=bytes(255 - each for each in secret.encode()))
    outcome = await warm.run(search, secrets={"key": b"x"})
    assert (outcome.stdout, outcome.warm) == ("0\n", True)
    outcome = await warm.run(f"held = {secret!r}\n{search}", secrets={"key": b"x"})
    assert int(outcome.stdout) > 0  # it would be found


async def test_luck_is_fresh(warm: Scripts) -> None:
    code = """
import multiprocessing, random, secrets, ssl, tempfile, uuid
print(random.random(), uuid.uuid4(), uuid.uuid1(), tempfile.mktemp(), secrets.token_hex(4), ssl.RAND_bytes(8).hex())
print(bytes(multiprocessing.current_process().authkey).hex())
"""
    said = [(await warm.run(code, imports=("ssl", "multiprocessing", "random"))).stdout.split() for _ in range(3)]
    assert all(len(set(column)) == 3 for column in zip(*said, strict=True))


async def test_a_run_cannot_reach_its_zygote_or_process_one(warm: Scripts) -> None:
    code = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
for target in (-1, 0, 1, os.getppid(), 3, 4):
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(target, signal.SIGTERM)
    except OSError:
        pass
try:
    os.kill(1, signal.SIGKILL)
except OSError as error:
    print(type(error).__name__)
print(libc.ptrace(16, 1, 0, 0))
for name in ("mem", "environ", "fd/0", "root", "cwd"):
    try:
        path = f"/proc/1/{name}"
        open(path, "rb").read(1) if name in ("mem", "environ") else os.readlink(path)
        print(name)
    except OSError:
        pass
print("alive", flush=True)
"""
    outcome = await warm.run(code)
    said = outcome.stdout.split("\n")
    assert "-1" in said and "alive" in said and not {"mem", "environ", "fd/0", "root", "cwd"} & set(said)
    assert (await warm.run("print('next')")).warm


async def test_a_run_gets_no_rights_back(warm: Scripts) -> None:
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print([libc.unshare(flag) for flag in (0x10000000, 0x20000, 0x20000000)], end=" ")
print(libc.mount(b"t", b"/tmp", b"tmpfs", 0, None), flush=True)
for change in (os.setuid, os.setgid):
    try:
        change(0)
        print("root")
    except OSError:
        pass
try:
    os.setgroups([0])
    print("groups")
except OSError:
    pass
print(os.system("grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | sort -u"), flush=True)
"""
    assert (await warm.run(code)).stdout == "[-1, -1, -1] -1\n0000000000000000\n0\n"


async def test_a_fork_bomb_is_contained_and_the_next_run_is_fine(warm: Scripts, nest_of: Warm) -> None:
    bomb = "import os\nprint('ready', flush=True)\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    running = await warm.start(bomb)
    await until_said(running, b"ready")
    await asyncio.sleep(0.3)
    await running.kill(0)
    assert running.gone()
    await finish(running)
    zygote = next(iter(nest_of.nest.warm.values()))
    outcome = await warm.run("print('fine')")
    assert (outcome.stdout, outcome.warm) == ("fine\n", True)
    assert next(iter(nest_of.nest.warm.values())) is zygote


async def test_memory_is_each_runs_own_matter(warm: Scripts, nest_of: Warm) -> None:
    outcome = await warm.run("x = b'1' * 400_000_000", memory=64 * MIB)
    if nest_of._groups is not None:
        assert (outcome.exit.code, outcome.oom) == (128 + signal.SIGKILL, True)
    else:
        assert (outcome.exit.code, "MemoryError" in outcome.stderr) == (1, True)
    assert nest_of.nest.warm
    assert (await warm.run("print('fine')")).warm


async def test_accounts_and_variables_have_zygotes_of_their_own(warm: Scripts, nest_of: Warm) -> None:
    for account in ("one", "two"):
        assert (await warm.run("", account=account)).warm
    assert (await warm.run("", account="one", base_env=BASE_ENV | {"OMP_NUM_THREADS": "2"})).warm
    assert len({zygote.process for zygote in nest_of.nest.warm.values()}) == 3


async def test_nothing_outlives_its_run(warm: Scripts) -> None:
    running = await warm.start("""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
time.sleep(0.1)
""")
    assert isinstance(running, Forked)
    init = running._init_fd
    assert pid_of(init) > 0
    await running.wait()
    await running.kill(0)
    assert over(init) and running.gone()
    await finish(running)


async def test_the_folder_of_another_run_cannot_be_reached(warm: Scripts) -> None:
    """The zygote sees no working folder: each goes into its box as a mount, from outside."""
    running = await warm.start("print('ready', flush=True); import time; time.sleep(1000)", files={"own.txt": "x"})
    await until_said(running, b"ready")
    outcome = await warm.run("import os; print(os.popen('find / -name own.txt 2>/dev/null').read())")
    assert outcome.stdout == "\n"
    await finish(running, end=True)


async def test_descriptors_of_the_runner_are_not_there(warm: Scripts) -> None:
    inherited = os.open("/", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        assert (
            await warm.run("import os; print(sorted(os.listdir('/proc/self/fd')))")
        ).stdout == "['0', '1', '2', '3']\n"
    finally:
        os.close(inherited)
