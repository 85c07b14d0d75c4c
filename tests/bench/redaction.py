"""How fast a log passes when the values of secrets are blotted out of it, beside the same log without secrets; one core.

python -m tests.bench.redaction [megabytes]
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
import time
from pathlib import Path

from services.runner.logs.forms import forms_of
from services.runner.logs.redaction import Forms, Veil
from services.runner.logs.spool import Spool
from tests.bench.figures import figure

LINE = b"epoch 12 loss 0.12345 accuracy 0.98 time 12:34:56 lr 0.0001 batch 4242\n"
READ_BYTES = 128 * 1024
MB_PER_SECOND_MIN = 50


def rate(data: bytes, values: list[bytes]) -> float:
    """Megabytes a second from a pipe's reads into a spool."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "log", 1, 10**12)
        spool.veil = Veil(Forms(forms_of(values))) if values else None
        began = time.perf_counter()
        for at in range(0, len(data), READ_BYTES):
            spool.write("stdout", data[at : at + READ_BYTES])
        spool.end("stdout")
        took = time.perf_counter() - began
        spool.close()
    return len(data) / took / 1e6


def main(megabytes: int) -> None:
    plain = LINE * (megabytes * 1_000_000 // len(LINE))
    tokens = [base64.b64encode(os.urandom(30)) for _ in range(10)]
    key = b"-----BEGIN KEY-----\n" + base64.encodebytes(os.urandom(1600)) + b"-----END KEY-----\n"
    spoken = (LINE * 3 + tokens[0] + b"\n") * (len(plain) // (4 * len(LINE)))
    beside = f"without secrets {rate(plain, []):,.0f} MB/s"
    for name, data, values in (
        ("a log with one secret", plain, tokens[:1]),
        ("with one that every fourth line says", spoken, tokens[:1]),
        ("with ten", plain, tokens),
        ("with a private key", plain, [key]),
    ):
        found = rate(data, values)
        bound = values == tokens[:1]
        target, met = (f">= {MB_PER_SECOND_MIN} MB/s", found >= MB_PER_SECOND_MIN) if bound else ("reported", None)
        figure(f"redaction: {name}", f"{found:,.0f} MB/s", baseline=beside, target=target, met=met)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 32)
