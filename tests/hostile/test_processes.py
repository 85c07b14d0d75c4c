"""Too many processes, and those that do not want to end."""

from __future__ import annotations

import pytest

from tests.hostile.arena import Arena
from tests.hostile.attacks import EVERYWHERE, Attack, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORKS = """
import os, time
print("begun", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""
DAEMONS = """
import os, time
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            os.environ.clear()
            time.sleep(1000)
        os._exit(0)
for _ in range(50):
    daemon()
print("begun", flush=True)
"""
THREADS = """
import threading, time
made = []
try:
    while True:
        made.append(threading.Thread(target=time.sleep, args=(1000,), daemon=True)); made[-1].start()
except RuntimeError:
    print("begun", len(made) < 1000, flush=True)
"""
STUBBORN = """
import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print("begun", flush=True)
time.sleep(1000)
"""
FORKS_ON_SIGTERM = """
import os, signal, time
def more(*_):
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            time.sleep(1000)
signal.signal(signal.SIGTERM, more)
print("begun", flush=True)
while True:
    time.sleep(1)
"""
STOPS = "import os, signal\nprint('begun', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)"
STOPS_ALL = "import os, signal\nprint('begun', flush=True)\nos.fork(); os.fork()\nos.kill(0, signal.SIGSTOP)"
KILLS_PARENT = """
import os, signal, time
print("begun", flush=True)
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
try:
    os.kill(os.getppid(), signal.SIGKILL)
except OSError:
    pass
time.sleep(1000)
"""
ENDS = {"says": "begun", "ends": ("CANCELLED",)}

ATTACKS = [
    Attack("fork bomb", FORKS, where=EVERYWHERE, **ENDS),
    Attack(
        "fork bomb of the shell", "echo begun; b() { b | b & }; b; sleep 1000", runtime="sh", where=EVERYWHERE, **ENDS
    ),
    Attack("bomb of threads", THREADS + "time.sleep(1000)", where=EVERYWHERE, **ENDS),
    Attack("threads until none can be made", THREADS, where=EVERYWHERE, says="begun True"),
    Attack("daemons behind its back", DAEMONS, where=EVERYWHERE, says="begun"),
    Attack("daemons and no end", DAEMONS + "time.sleep(1000)", where=EVERYWHERE, **ENDS),
    Attack("daemons and a failure", DAEMONS + "os._exit(3)", where=EVERYWHERE, says="begun", ends=("EXIT_CODE",)),
    Attack("ignores all signals", STUBBORN, where=EVERYWHERE, **ENDS),
    Attack("forks when asked to end", FORKS_ON_SIGTERM, where=EVERYWHERE, **ENDS),
    Attack("stops itself", STOPS, where=EVERYWHERE, **ENDS),
    Attack("stops all of its group", STOPS_ALL, where=EVERYWHERE, **ENDS),
    Attack("kills what watches it", KILLS_PARENT, where=("bubblewrap", "warm", "docker"), **ENDS),
    Attack("kills its shim", KILLS_PARENT, where=("process",), says="begun", ends=("SIGNAL",)),
]


@each(ATTACKS)
async def test_it_is_ended_to_its_last(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)
