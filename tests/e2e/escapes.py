"""Run on a grid by test_sandbox.py: tries to get out of its box, and prints as JSON what became of each attempt.

Arguments: RGRID_HOME, the pid of a process of the machine, a port on its 127.0.0.1, the name of an abstract socket.
"""

# ruff: noqa: PTH110, PTH123, PTH208, PTH101
import ctypes
import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable

HOME, PID, PORT, ABSTRACT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, CLONE_NEWNET, CLONE_NEWPID, TIOCSTI = 16, 0x40000000, 0x20000000, 0x5412
found: dict[str, str] = {}


def attempt(name: str) -> Callable[[Callable[[], object]], None]:
    """Do it at once; refused is what raises or gives nothing."""

    def do(action: Callable[[], object]) -> None:
        try:
            got = action()
            found[name] = f"got {got!r}"[:300] if got else "refused: nothing there"
        except (OSError, PermissionError, subprocess.SubprocessError) as error:
            found[name] = f"refused: {error}"

    return do


def text(path: str) -> str:
    with open(path) as file:
        return file.read()


def written(path: str) -> bool:
    with open(path, "a") as file:
        file.write("x")
    return True


def called(number: int) -> bool:
    """A libc call worked."""
    if number < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return True


def ran(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0


@attempt("read the credentials")
def _() -> object:
    return text(f"{HOME}/credentials")


@attempt("read the secrets")
def _() -> object:
    return text(f"{HOME}/secrets.json")


@attempt("list the home")
def _() -> object:
    return os.listdir(HOME)


@attempt("see the node's folder")
def _() -> object:
    return os.listdir(f"{HOME}/node/local-1/attempts")


@attempt("read shadow")
def _() -> object:
    return text("/etc/shadow")


@attempt("see homes of people")
def _() -> object:
    return os.listdir("/home")


@attempt("see other processes")
def _() -> object:
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid(), os.getppid())]


@attempt("see a process of the machine")
def _() -> object:
    return os.path.exists(f"/proc/{PID}")


@attempt("signal a process of the machine")
def _() -> object:
    return os.kill(PID, 9) is None


@attempt("signal process one")
def _() -> object:
    return os.kill(1, 9) is None


@attempt("read the environment of process one")
def _() -> object:
    return text("/proc/1/environ")


@attempt("look through the root of process one")
def _() -> object:
    return os.listdir("/proc/1/root/")


@attempt("trace process one")
def _() -> object:
    return called(LIBC.ptrace(PTRACE_ATTACH, 1, None, None))


@attempt("write the root")
def _() -> object:
    return written("/escaped")


@attempt("write programs")
def _() -> object:
    return written("/usr/bin/escaped")


@attempt("write settings")
def _() -> object:
    return written("/etc/passwd")


@attempt("write the prefix of the interpreter")
def _() -> object:
    return written(f"{sys.prefix}/escaped")


@attempt("write the standard library")
def _() -> object:
    return written(os.__file__)


@attempt("write packages")
def _() -> object:
    return written(f"{sys.prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/escaped.pth")


@attempt("write devices")
def _() -> object:
    return written("/dev/escaped")


@attempt("write above the folder")
def _() -> object:
    return written("../escaped")


@attempt("write the kernel's settings")
def _() -> object:
    return written("/proc/sys/kernel/core_pattern")


@attempt("reach a port of the machine")
def _() -> object:
    return socket.create_connection(("127.0.0.1", PORT), 2)


@attempt("reach an abstract socket of the machine")
def _() -> object:
    with socket.socket(socket.AF_UNIX) as out:
        out.connect("\0" + ABSTRACT)
        return True


@attempt("reach the world")
def _() -> object:
    return socket.create_connection(("192.0.2.1", 80), 2)


@attempt("find a network interface")
def _() -> object:
    return [name for _, name in socket.if_nameindex() if name != "lo"]


@attempt("mount")
def _() -> object:
    return called(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None))


@attempt("mount the program")
def _() -> object:
    return ran("mount", "-t", "proc", "none", "/tmp")


@attempt("make its view writable")
def _() -> object:
    return called(LIBC.mount(None, b"/usr", None, 0x1000 | 0x20, None))


@attempt("take a view away")
def _() -> object:
    return called(LIBC.umount2(b"/usr", 2))


@attempt("change the root")
def _() -> object:
    return os.chroot("/tmp") is None


@attempt("become root")
def _() -> object:
    return os.setuid(0) is None


@attempt("become root by a setuid program")
def _() -> object:
    return ran("su", "-c", "true")


@attempt("make a setuid program that works")
def _() -> object:
    with open("/tmp/id", "wb") as copy, open("/usr/bin/id", "rb") as original:
        copy.write(original.read())
    os.chmod("/tmp/id", 0o4755)
    return subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout.strip() == "0"


@attempt("make a device")
def _() -> object:
    return os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0)) is None


@attempt("find a disk")
def _() -> object:
    return [name for name in os.listdir("/dev") if name.startswith(("sd", "vd", "nvme", "mem", "kmsg"))]


@attempt("make a network namespace")
def _() -> object:
    return called(LIBC.unshare(CLONE_NEWNET))


@attempt("make a process namespace")
def _() -> object:
    return called(LIBC.unshare(CLONE_NEWPID))


@attempt("type into a terminal")
def _() -> object:
    return fcntl.ioctl(0, TIOCSTI, b"x") is not None


@attempt("keep an open file of the runner")
def _() -> object:
    return [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and os.path.exists(f"/proc/self/fd/{fd}")]


@attempt("hold a capability")
def _() -> object:
    lines = [line.split() for line in text("/proc/self/status").splitlines() if line.startswith("CapEff")]
    return int(lines[0][1], 16)


@attempt("find settings of the grid in its environment")
def _() -> object:
    own = ("RGRID_EXECUTION_ID", "RGRID_ATTEMPT")
    return [name for name in os.environ if name.startswith(("RGRID", "NATS", "PG")) and name not in own]


@attempt("change its limits of groups")
def _() -> object:
    return os.listdir("/sys/fs/cgroup")


@attempt("raise its limit of descriptors")
def _() -> object:
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    except ValueError as error:
        raise OSError(str(error)) from error
    return True


print(json.dumps(found))
