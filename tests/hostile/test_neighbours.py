"""Others on the same machine: processes, sockets, the grid, and what it keeps."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator

import pytest

from domain.execution.job import Limits
from services.runner.sandbox.metadata import why_open
from tests.hostile.arena import Arena
from tests.hostile.attacks import MIB, Attack, each, tries

pytestmark = pytest.mark.asyncio(loop_scope="session")

ATTACKS = [
    tries(
        "signals to others",
        "os.kill(int(sys.argv[1]), 0) is None",
        "os.kill(int(sys.argv[1]), 9) is None",
        "os.kill(1, 9) is None and False",
        "[pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, 2, os.getpid(), os.getppid())]",
        args=("{runner}",),
    ),
    tries(
        "other processes",
        "os.path.exists(f'/proc/{sys.argv[1]}/environ')",
        "libc('ptrace', 16, int(sys.argv[1]), None, None) == 0",
        "call(434, int(sys.argv[1]), 0) >= 0",
        args=("{runner}",),
    ),
    tries(
        "process one of a box, who is not the script's own",
        "libc('ptrace', 16, 1, None, None) == 0",
        "read('/proc/1/environ')",
        "os.listdir('/proc/1/root/')",
        "os.listdir('/proc/1/fd')",
        "open('/proc/1/mem', 'r+b', 0).read(1)",
        "os.setpriority(os.PRIO_PROCESS, 1, 19) is None",
        "os.sched_setaffinity(1, [0]) is None",
        "__import__('resource').prlimit(1, 7, (1, 1)) is not None",
        where=("bubblewrap", "warm"),  # in a container it is the same user, and whoever hurts it hurts only itself
    ),
    tries(
        "files of the grid",
        "os.listdir(sys.argv[1])",
        "read(sys.argv[1] + '/credentials')",
        "os.listdir(sys.argv[1] + '/node/local-1/attempts')",
        "read(sys.argv[1] + '/node/local-1/journal')",
        "write(sys.argv[1] + '/node/local-1/journal')",
        "[path for path in ('/home', '/srv', '/mnt', '/boot', '/media') if os.path.exists(path) and os.listdir(path)]",
        "{n for n in os.environ if n.startswith(('RGRID', 'NATS', 'PG'))} - {'RGRID_EXECUTION_ID', 'RGRID_ATTEMPT'}",
        "[os.readlink(f'/proc/self/fd/{fd}') for fd in range(3, 100) if os.path.lexists(f'/proc/self/fd/{fd}')]",
        args=("{home}",),
    ),
    tries(
        "files of the machine",
        "read('/etc/shadow')",
        "read('/etc/ssh/ssh_host_rsa_key')",
        "write('/etc/passwd')",
        "write('/etc/ld.so.preload')",
        "write('/usr/bin/owned')",
        "write(os.__file__)",
        "write(sys.executable)",
        "write(f'{sys.prefix}/owned')",
        "write(f'{sys.base_prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/owned.pth')",
        "write('/env/owned')",
        "write('/node_modules/owned')",
        "write('/run/secrets/owned')",
        "write('/owned')",
        "write('/dev/owned')",
        "write('/work/../owned')",
        "os.rename('/usr', '/tmp/usr') is None",
        "os.symlink('/tmp', '/lib/owned') is None",
    ),
    tries(
        "sockets of the machine",
        "connect('/var/run/docker.sock')",
        "connect('/run/docker.sock')",
        "connect('/run/containerd/containerd.sock')",
        "connect('/run/dbus/system_bus_socket')",
        "connect('/tmp/.X11-unix/X0')",
        "connect('/run/systemd/private')",
        "connect(chr(0) + sys.argv[1])",
        "connect(chr(0) + '/tmp/.X11-unix/X0')",
        "socket.create_connection(('127.0.0.1', int(sys.argv[2])), 2)",
        "socket.create_connection(('169.254.169.254', 80), 2)",
        "socket.create_connection(('192.0.2.1', 80), 2)",
        "socket.create_connection(('fd00:ec2::254', 80), 2)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)",
        "socket.socket(40, socket.SOCK_STREAM).connect((2, 1024)) is None",
        "[name for _, name in socket.if_nameindex() if name not in ('lo', 'tunl0', 'sit0', 'ip6tnl0')]",
        "ran('ip', 'link', 'set', 'lo', 'down')",
        before="def connect(path):\n    socket.socket(socket.AF_UNIX).connect(path)\n    return True",
        args=("{abstract}", "{port}"),
    ),
    tries(
        "what all users of a machine share",
        "os.listdir('/dev/shm')",
        "os.listdir('/tmp')",
        "open('/proc/sysvipc/shm').read().count(chr(10)) > 1",
        "open('/proc/sysvipc/sem').read().count(chr(10)) > 1",
        "[line for line in open('/proc/keys')] and False",
        "call(250, 10, -4, b'user', b'secret', 0) > 0",
        "call(249, b'user', b'secret', 0, -4) > 0",
        "[name for name in os.listdir('/dev') if name.startswith(('sd', 'vd', 'nvme', 'mem', 'kmsg', 'kvm', 'loop'))]",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def services_of_the_machine(sandbox: Arena) -> Iterator[None]:
    """A port on 127.0.0.1 and an abstract socket, which somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as abstract:
        name = f"rgrid-test-{secrets.token_hex(4)}"
        abstract.bind("\0" + name)
        abstract.listen()
        sandbox.known |= {"port": str(port.getsockname()[1]), "abstract": name}
        yield


@each(ATTACKS)
async def test_nothing_comes_of_it(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)


EVERYBODY = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.kill(-1, 15)
    os.kill(-1, 9)
os.wait()
"""


@each([Attack("a signal to everybody", EVERYBODY, ends=("SIGNAL", "OK", "EXIT_CODE"))])
async def test_everybody_is_its_own_box(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)


METADATA = """
import errno, socket
for address in ("169.254.169.254", "169.254.170.2"):
    try:
        socket.create_connection((address, 80), 10)
    except OSError as error:
        print(errno.errorcode.get(error.errno, error))
"""


@pytest.mark.skipif(bool(why_open()), reason=why_open())
@each([Attack("the metadata address", METADATA, says="ECONNREFUSED\nECONNREFUSED\n", network=True)])
async def test_a_network_leads_everywhere_but_there(ring: Arena, attack: Attack) -> None:
    """Nobody listens there on this machine: only who refuses it answers at once."""
    await ring.attack(attack)


PAIR = """
import array, os, signal, sys, time
open("/tmp/mine", "w").write(sys.argv[1]); open("/dev/shm/mine", "w").write(sys.argv[1])
print("up", flush=True)
for _ in range(20):
    assert open("/tmp/mine").read() == open("/dev/shm/mine").read() == sys.argv[1]
    assert os.listdir("/tmp") == ["mine"] and os.listdir("/dev/shm") == ["mine"]
    assert len([name for name in os.listdir("/proc") if name.isdigit()]) <= 4
    time.sleep(0.01)
print("mine")
"""


@pytest.mark.kept_by("bubblewrap", "warm", "docker")
async def test_two_at_once_do_not_see_one_another(sandbox: Arena) -> None:
    limits = Limits(500, 128 * MIB, 60)
    jobs = [await sandbox.grid.job(PAIR, args=(each,), cold=sandbox.cold, limits=limits) for each in ("one", "two")]
    for execution in [await sandbox.grid.send(job) for job in jobs]:
        assert (await sandbox.grid.finished(execution)).reason.code == "OK", sandbox.grid.log(execution, "stderr")
