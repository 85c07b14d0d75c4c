"""System calls that Python's own modules do not offer (all of them before 3.12)."""

from __future__ import annotations

import ctypes
import os
import struct

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC = 2, 4, 8
AT_FDCWD, EMPTY_PATH = -100, 0x1000
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442
"""Numbers that are the same on every architecture."""
MNT_DETACH = 2
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 4
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
CAPABILITIES_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def mount(kind: str, target: str, flags: int = 0, options: str = "") -> None:
    """A new file system of this kind. Raises OSError, as all of these do."""
    _done(libc.mount(kind.encode(), target.encode(), kind.encode(), flags, options.encode()), f"mount {target}")


def unmount(target: str) -> None:
    """At once, also what lies below it."""
    _done(libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _done(libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`."""
    _done(libc.setns(fd, kind), "setns")


def prctl(option: int, argument: int = 0, more: int = 0) -> None:
    _done(libc.prctl(option, argument, more, 0, 0), f"prctl {option}")


def detached(path: str) -> int:
    """A mount of the folder `path` that is nowhere yet, without set-user-ids and devices: a descriptor to hand on."""
    number = libc.syscall(OPEN_TREE, AT_FDCWD, path.encode(), OPEN_TREE_CLONE | os.O_CLOEXEC)
    fd = _done(number, f"open_tree {path}")
    attributes = (ctypes.c_uint64 * 4)(NOSUID | NODEV, 0, 0, 0)
    try:
        _done(libc.syscall(MOUNT_SETATTR, fd, b"", EMPTY_PATH, attributes, 32), "mount_setattr")
    except OSError:
        os.close(fd)
        raise
    return fd


def attach(fd: int, target: str) -> None:
    """Put what `detached` made at `target`."""
    _done(libc.syscall(MOVE_MOUNT, fd, b"", AT_FDCWD, target.encode(), MOVE_MOUNT_F_EMPTY_PATH), f"move_mount {target}")


def drop_capabilities() -> None:
    """All that this process has, and what it would hand to programs that it starts."""
    head, nothing = struct.pack("=Ii", CAPABILITIES_3, 0), bytes(24)
    _done(libc.capset(head, nothing), "capset")


def drop_bounding_set() -> None:
    """No program that is started from here on gains a capability."""
    number = 0
    while libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0:
        number += 1


def _done(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
