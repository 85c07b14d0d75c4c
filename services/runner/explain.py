"""How an attempt ended, in words: a stable code, a sentence, and what to do about it."""

from __future__ import annotations

import re
import signal as signals
from dataclasses import replace

from domain.execution.events import Reason
from domain.execution.job import Limits
from domain.execution.state import RUNNER_STOPPED
from services.runner.sandbox.box import Exit

HINTS_BY_CODE = {
    126: "The script, or a program it starts, may not be executed.",
    127: "A program that the script starts was not found on the node.",
}
HINTS_BY_SIGNAL: dict[int, str] = {
    signals.SIGSEGV: "A native library crashed; look at what the script loaded last.",
    signals.SIGTERM: "Something asked it to end, not the grid: a timeout or a cancel would be named here.",
    signals.SIGPIPE: "It wrote to a pipe that nobody read any more.",
    signals.SIGFPE: "A native library divided by zero, or something like it.",
    signals.SIGILL: "A native library was built for another kind of processor.",
    signals.SIGBUS: "A file that was mapped into memory became shorter, or /tmp or /dev/shm is full.",
    signals.SIGABRT: "The program gave up by itself; its last lines of stderr say why.",
    signals.SIGSYS: "A program for another kind of processor, or a system call that its box does not allow.",
    signals.SIGXFSZ: "A file became larger than allowed.",
    signals.SIGKILL: "Something sent SIGKILL, or the script ended with 137 by itself; it was not its memory limit.",
}


MISSING_LIBRARY = re.compile(r"(?P<name>lib[\w.+-]+\.so[\w.]*): cannot open shared object file: No such file")
KILLED_UNGUARDED = (
    "Something sent SIGKILL. Without control groups the kernel does not say whether memory was short; try --memory."
)


def ended(end: Exit, oom: bool, limits: Limits, guarded: bool = True) -> tuple[str, Reason]:
    """(status, reason) of a script that came to its own end; memory is blamed only on the kernel's word (`oom`).

    `guarded`: a control group kept its memory, so that the kernel's silence means something.
    """
    if end.code == 0:
        return "succeeded", Reason("OK", "The script ended with exit code 0.")
    if oom:
        message = f"The kernel ended a process of the script at its memory limit of {_mib(limits.memory_bytes)}."
        hint = f"Give it more: rgrid run --memory {_twice_mib(limits.memory_bytes)} … (files in /tmp count as memory)"
        return "failed", Reason("OUT_OF_MEMORY", message, hint)
    if end.signal is not None:
        known = {*signals.Signals}
        name = signals.Signals(end.signal).name if end.signal in known else f"signal {end.signal}"
        hint = HINTS_BY_SIGNAL.get(end.signal, "")
        if end.signal == signals.SIGKILL and not guarded:
            hint = KILLED_UNGUARDED
        message = f"The script was ended by {name} (exit code {end.code})."
        if not end.seen:
            message = f"The script ended with exit code {end.code}, which stands for {name}."
        return "failed", Reason("SIGNAL", message, hint)
    hint = HINTS_BY_CODE.get(end.code, "Its last lines on stderr usually say why: rgrid logs ID --stream stderr")
    return "failed", Reason("EXIT_CODE", f"The script ended with exit code {end.code}.", hint)


def with_words(reason: Reason, error_line: str) -> Reason:
    """The reason of an end, with better advice where the last words of the script allow it."""
    missing = MISSING_LIBRARY.search(error_line)
    if missing is None or reason.code != "EXIT_CODE":
        return reason
    hint = f"The system library {missing['name']} is missing where the script runs, and packages do not bring it:"
    hint += " install it on the node, or take an image that has it: rgrid run --image … (with containers)"
    return replace(reason, hint=hint)


def timed_out(limits: Limits) -> Reason:
    message = f"It ran longer than its {limits.timeout_seconds:g} s and was ended."
    return Reason(
        "TIMED_OUT", message, f"Give it longer: rgrid run --timeout {_twice_seconds(limits.timeout_seconds)} …"
    )


def disk_limit(limits: Limits, bound: int) -> Reason:
    if bound < limits.disk_bytes:
        message = f"It filled the {_mib(bound)} that the disk of its node had left for it, and was ended."
        return Reason("DISK_LIMIT", message, "Free space on the node, or write less.")
    message = f"It wrote more than its {_mib(limits.disk_bytes)} to the disk and was ended."
    return Reason("DISK_LIMIT", message, "Give it more: rgrid run --disk 50g …")


def too_many_files(files_max: int) -> Reason:
    message = f"It made more than the {files_max:,} files that its share of the disk has room for, and was ended."
    return Reason("DISK_LIMIT", message, "Make fewer, or give it more (4 KiB for each file): rgrid run --disk 50g …")


def node_disk_full(detail: str) -> Reason:
    return Reason("NODE_DISK_FULL", f"Its node takes no work: {detail}.", "Free space below RGRID_HOME on the node.")


def cancelled() -> Reason:
    return Reason("CANCELLED", "It was cancelled; its processes were seen to be gone.")


def start_failed(detail: str) -> Reason:
    return Reason("START_FAILED", f"The script could not be started: {detail}", "Check the node with: rgrid doctor")


def input_damaged(detail: str) -> Reason:
    hint = "Run it again from the folder that has its files: what is damaged is uploaded anew."
    return Reason("INPUT_DAMAGED", f"Its files could not be made ready: {detail}", hint)


def input_unavailable(detail: str) -> Reason:
    return Reason(
        "INPUT_UNAVAILABLE", f"Its files could not be fetched: {detail}", "Look at the grid with: rgrid doctor"
    )


def environment_failed(detail: str, hint: str) -> Reason:
    return Reason("ENVIRONMENT_FAILED", f"Its packages could not be made ready: {detail}.", hint)


def environment_unavailable(detail: str) -> Reason:
    hint = "Look at the node's way to its package index; its log says more: rgrid doctor"
    return Reason("ENVIRONMENT_UNAVAILABLE", f"Its packages could not be made ready on this node: {detail}.", hint)


def interpreter_gone(detail: str) -> Reason:
    return Reason(
        "INTERPRETER_MISSING", f"Its node has no such interpreter: {detail}.", "rgrid doctor lists what nodes offer."
    )


def secret_unavailable(detail: str, hint: str) -> Reason:
    return Reason("SECRET_UNAVAILABLE", f"It cannot begin without its secrets. {detail}", hint)


def output_failed(detail: str) -> Reason:
    return Reason(
        "OUTPUT_UPLOAD_FAILED", f"What it wrote could not be stored: {detail}", "Look at the grid with: rgrid doctor"
    )


def runner_restarted() -> Reason:
    return Reason("RUNNER_RESTARTED", "The runner of its node ended unexpectedly and was started again.")


def runner_stopped() -> Reason:
    return Reason(RUNNER_STOPPED, "Its runner was stopped while it ran (rgrid down).")


def node_failed(detail: str) -> Reason:
    return Reason("NODE_FAILED", f"The node's machine failed at it: {detail}", "Look at the node with: rgrid doctor")


def runner_failed(detail: str) -> Reason:
    return Reason("RUNNER_FAILED", f"The runner failed at it: {detail}", "Look at the node's log with: rgrid doctor")


def _mib(size_bytes: int) -> str:
    """In the unit it was asked in: `2 GiB`, `512 MiB`."""
    if size_bytes >= 1024**3 and size_bytes % 1024**3 == 0:
        return f"{size_bytes // 1024**3:,} GiB"
    return f"{size_bytes / 1024**2:,.0f} MiB"


def _twice_mib(size_bytes: int) -> str:
    """Twice as much, as it is typed: `4g`, `256m`."""
    twice = 2 * size_bytes
    return f"{twice // 1024**3}g" if twice % 1024**3 == 0 else f"{-(-twice // 1024**2)}m"


def _twice_seconds(seconds: float) -> str:
    """Twice as long, as it is typed: `2h`, `10m`, `3`."""
    twice = 2 * seconds
    for unit, one in (("h", 3600), ("m", 60)):
        if twice >= one and twice % one == 0:
            return f"{twice / one:g}{unit}"
    return f"{twice:g}"
