"""The person's variables and secrets on their way into a box: through a descriptor, since every user of a machine can read
command lines.

They are set behind the drop of privileges, by a helper in the box: LD_PRELOAD must not reach a program that is root, and
the files of secrets become the box user's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from services.runner.sandbox.box import SECRETS
from services.runner.sandbox.spawn import base_python

HELPER = f"""
import os, signal, sys
with open(int(sys.argv[1]), "rb") as file:
    pairs = file.read(int(file.readline())).split(b"\\0")
    while head := file.readline():
        name, size = head.split()
        secret = os.open(b"{SECRETS}/" + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        data = file.read(int(size))
        while data:
            data = data[os.write(secret, data):]
        os.close(secret)
os.environb.update(pair.split(b"=", 1) for pair in pairs if pair)
for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
    signal.signal(number, signal.SIG_DFL)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{{sys.argv[2]}}: {{error.strerror}}")
"""


def handed_over(env: Mapping[str, str], secrets: Mapping[str, bytes]) -> int:
    """A descriptor from which the helper reads both; -1 when there is nothing to hand over."""
    if not env and not secrets:
        return -1
    fd = os.memfd_create("environment")
    pairs = b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items())
    files = b"".join(b"%s %d\n%s" % (name.encode(), len(value), value) for name, value in secrets.items())
    data = memoryview(b"%d\n%s%s" % (len(pairs), pairs, files))
    while data:
        data = data[os.write(fd, data) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def helper(fd: int) -> list[str]:
    """The beginning of a command that is to get what `handed_over` holds; it closes the descriptor."""
    return [] if fd < 0 else [base_python(), "-I", "-S", "-c", HELPER, str(fd)]
