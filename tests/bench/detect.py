"""How long it takes to find out what a script needs: imports judged against an environment of 200 packages, nothing locked.

What `rgrid run` loads anyway is loaded before; the modules of the detection count.

`python -m tests.bench.detect`; the baseline is `python -c pass` beside it, since most of it is a program that starts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import figure, ms

ROUNDS = 15
PACKAGES = 200
FILES_EACH = 300
TARGET_SECONDS = 0.030
SCRIPT = """
import argparse, collections, csv, json, os, sys
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from strange import thing
from helper import work
try:
    import ujson
except ImportError:
    ujson = None
"""
ASK = """
import time
from cli import run
from cli.job import config, script
began, busy = time.perf_counter(), time.process_time()
from pathlib import Path
from cli.deps.found import found
made = found(Path("main.py"))
print(time.perf_counter() - began, time.process_time() - busy)
assert len(made.decision.picked) == 5, made.decision.picked
"""


def environment(at: Path) -> None:
    """200 packages, five of which are meant; one of them goes by another name than its module."""
    names = [
        "numpy",
        "pandas",
        "matplotlib",
        "scikit-learn",
        "zz-strange-project",
        *(f"package{i}" for i in range(PACKAGES - 5)),
    ]
    modules = {"scikit-learn": "sklearn", "zz-strange-project": "strange"}
    for name in names:
        module = modules.get(name, name)
        info = at / f"{name.replace('-', '_')}-1.{len(name)}.dist-info"
        info.mkdir(parents=True)
        (at / module).mkdir()
        (at / module / "__init__.py").touch()
        listed = [f"{module}/part{i}.py,sha256={'x' * 43},1234\n" for i in range(FILES_EACH)]
        (info / "RECORD").write_text(f"{module}/__init__.py,,\n" + "".join(listed))
        (info / "METADATA").write_text(
            f"Name: {name}\nRequires-Dist: package1\nRequires-Dist: package2\n\n" + "text\n" * 200
        )


def measured(folder: Path, env: dict[str, str]) -> tuple[float, float, float, float]:
    """Seconds: detection with what it imports, its processor time, the whole program, and one that does nothing."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", ASK], cwd=folder, env=env, capture_output=True, text=True, check=True)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    wall, busy = (float(each) for each in done.stdout.split())
    return wall, busy, whole, time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at, "work")
        folder.mkdir()
        (folder / ".git").mkdir()
        (folder / "main.py").write_text(SCRIPT)
        (folder / "helper.py").write_text("import sklearn\ndef work():\n    pass\n")
        environment(Path(at, "venv/lib/python3.11/site-packages"))
        env = {**os.environ, "VIRTUAL_ENV": str(Path(at, "venv")), "PYTHONPATH": str(Path(__file__).parents[2])}
        rounds = [measured(folder, env) for _ in range(ROUNDS)]
    inside, busy, whole, bare = (statistics.median(each) for each in zip(*rounds, strict=True))
    figure(
        f"detection, {PACKAGES} packages installed",
        ms(inside),
        baseline=f"python -c pass {ms(bare)}, with detection {ms(whole)}",
        target=f"<= {ms(TARGET_SECONDS)}",
        met=inside <= TARGET_SECONDS,
    )
    figure("  of that on the processor", ms(busy), target=f"<= {ms(TARGET_SECONDS)}", met=busy <= TARGET_SECONDS)


if __name__ == "__main__":
    main()
