"""Puts the calling process under a filter of system calls. Stands alone, so that a forked child may use it in any box."""

import ctypes
import os
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
INSTRUCTION_BYTES = 8


def install(program: bytes) -> None:
    """From now on this thread, and all that it starts, is under `program` (seccomp.program); never to be undone.

    No program that it becomes gets new privileges either. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    held = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program) // INSTRUCTION_BYTES, ctypes.addressof(held)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0):
        raise OSError(ctypes.get_errno(), f"filter of system calls: {os.strerror(ctypes.get_errno())}")
