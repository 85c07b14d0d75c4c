"""The kernel itself: its settings, its files, its calls, and rights that a script does not have."""

from __future__ import annotations

import pytest

from tests.hostile.arena import Arena
from tests.hostile.attacks import Attack, each, tries

pytestmark = pytest.mark.asyncio(loop_scope="session")

USER_NAMESPACE = """
def in_a_namespace(then):
    pid = os.fork()
    if pid == 0:
        try:
            libc("unshare", 0x10000000 | 0x00020000)
            then()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
"""
SUID = """
import shutil
def suid(path):
    shutil.copy("/usr/bin/id", path); os.chmod(path, 0o6755)
    return subprocess.run([path, "-u"], capture_output=True, text=True).stdout.strip() == "0"
"""

ATTACKS = [
    tries(
        "settings of the kernel",
        "write('/proc/sys/kernel/core_pattern', b'|/bin/sh')",
        "write('/proc/sys/kernel/hostname', b'owned')",
        "write('/proc/sys/vm/drop_caches')",
        "write('/proc/sys/kernel/modprobe', b'/tmp/x')",
        "write('/proc/sys/fs/binfmt_misc/register', b':x:M::x::/bin/sh:')",
        "write('/proc/sys/kernel/ns_last_pid')",
        "write('/proc/sysrq-trigger', b'c')",
        "write('/proc/irq/default_smp_affinity', b'1')",
        "write('/proc/self/oom_score_adj', b'-1000')",
        "write('/proc/self/loginuid', b'0') and False",
        "write('/proc/self/attr/current', b'unconfined')",
    ),
    tries(
        "memory of the machine",
        "read('/proc/kcore')[:1]",
        "read('/dev/mem')[:1]",
        "read('/dev/kmsg')[:1]",
        "read('/proc/kmsg')[:1]",
        "open('/proc/1/mem', 'rb', 0).read(1)",
        "[line for line in open('/proc/kallsyms') if not line.startswith('0' * 16)][:1]",
        "call(103, 3, 0, 0)",
    ),
    tries(
        "control groups",
        "write('/sys/fs/cgroup/cgroup.procs', b'0')",
        "write('/sys/fs/cgroup/memory/release_agent', b'/tmp/x')",
        "ran('mount', '-t', 'cgroup', '-o', 'memory', 'cgroup', '/tmp')",
        "libc('mount', b'cgroup', b'/tmp', b'cgroup2', 0, None) == 0",
        "write('/sys/kernel/mm/transparent_hugepage/enabled', b'never')",
    ),
    tries(
        "views of files",
        "libc('mount', b'none', b'/tmp', b'tmpfs', 0, None) == 0",
        "libc('mount', b'/work', b'/usr', None, 4096, None) == 0",
        "libc('mount', None, b'/usr', None, 0x1000 | 0x20, None) == 0",
        "libc('umount2', b'/usr', 2) == 0",
        "libc('umount2', b'/proc/sys', 2) == 0",
        "call(155, b'/tmp', b'/tmp') == 0",
        "os.chroot('/tmp') is None",
        "call(428, -100, b'/', 1) > 0",
        "call(430, b'tmpfs', 0) > 0",
        "call(442, -100, b'/usr', 0, 0, 0) == 0",
        "call(304, -100, b'x', 0) > 0",
    ),
    tries(
        "namespaces of its own",
        "in_a_namespace(lambda: None)",
        "in_a_namespace(lambda: libc('mount', b'none', b'/tmp', b'tmpfs', 0, None))",
        "libc('unshare', 0x40000000) == 0",
        "libc('unshare', 0x80) == 0",
        "ran('unshare', '-Ur', 'true')",
        "ran('unshare', '-m', 'true')",
        "call(435, struct.pack('=11Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88) >= 0",
        "call(308, os.open('/proc/1/ns/mnt', 0), 0) == 0",
        before=USER_NAMESPACE,
    ),
    tries(
        "programs in the kernel",
        "call(321, 5, struct.pack('=IIQQ', 1, 0, 0, 0) + bytes(100), 120) > 0",
        "call(298, bytes([0, 0, 0, 0, 112, 0, 0, 0]) + bytes(104), 0, -1, -1, 0) > 0",
        "call(323, 1) > 0",
        "call(313, os.open('/etc/passwd', 0), b'', 0) == 0",
        "call(246, 0, 0, 0, 0) == 0",
        "call(248, b'user', b'mine', b'x', 1, -3) > 0",
        "call(250, 0, -4, 1) > 0",
        "call(300, 0, 0) > 0",
    ),
    tries(
        "what an older engine leaves open",
        "os.listdir('/sys/fs/cgroup')",
        "os.listdir('/sys/kernel')",
        "call(425, 8, ctypes.create_string_buffer(120)) > 0",
        where=("bubblewrap", "warm"),
    ),
    tries(
        "the machine's clock, name and end",
        "call(164, struct.pack('=qq', 0, 0), 0) == 0",
        "call(227, 0, struct.pack('=qq', 0, 0)) == 0",
        "socket.sethostname('owned') is None",
        "call(169, 0xFEE1DEAD, 672274793, 0x1234567, 0) == 0",
        "call(167, b'/work/main.py', 0) == 0",
        "call(163, b'/work/main.py') == 0",
        "call(172, 3) == 0",
    ),
    tries(
        "more than it was given",
        "os.nice(-5) is not None",
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) is None",
        "call(251, 1, 0, (1 << 13) | 0) == 0",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)) is None",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1)) is None",
        "resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)) is None",
        before="import resource",
    ),
    tries(
        "rights",
        "os.setuid(0) is None",
        "os.setgroups([0]) is None",
        "os.setresgid(0, 0, 0) is None",
        "ran('su', '-c', 'true')",
        "ran('mount', '-t', 'tmpfs', 'none', '/tmp')",
        "ran('setpriv', '--reuid=0', 'true')",
        "ran('passwd', '-d', 'root')",
        "suid('/tmp/id')",
        "suid('/work/id')",
        "os.chown('/work/main.py', 0, 0) is None",
        "os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0)) is None",
        "os.mknod('/work/mem', 0o20600, os.makedev(1, 1)) is None",
        "libc('prctl', 23, 21, 0, 0, 0) == 1",
        "libc('prctl', 47, 2, 21, 0, 0) == 0",
        "call(126, struct.pack('=II', 0x20080522, 0), struct.pack('=6I', *[0xFFFFFFFF] * 6)) == 0",
        "os.setxattr('/tmp', 'trusted.x', b'1') is None",
        "os.setxattr('/work/main.py', 'security.capability', b'1') is None",
        "[line for line in open('/proc/self/status') if line[:3] == 'Cap' and int(line.split()[1], 16)]",
        "[line for line in open('/proc/self/status') if line.startswith('NoNewPrivs') and line.split()[1] != '1']",
        before=SUID,
        outputs=None,
    ),
    tries(
        "terminals",
        "fcntl.ioctl(0, 0x5412, b'x') is not None",
        "fcntl.ioctl(os.openpty()[1], 0x5412, b'x') is not None",
        "fcntl.ioctl(os.openpty()[1], 0x541C, bytes([3])) is not None",
        "open('/dev/tty', 'w') and True",
        "open('/dev/console', 'w') and True",
        "open('/dev/pts/0', 'w').isatty() and os.ttyname(0)",
        before="import fcntl",
    ),
]


@each(ATTACKS)
async def test_it_comes_to_nothing(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)
