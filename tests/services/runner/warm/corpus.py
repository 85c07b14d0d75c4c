"""The scripts of corpus.txt, and what they are started with."""

from __future__ import annotations

from pathlib import Path

ARGUMENTS = ("-x", "two words", "", "ü", "--help")
FILES = {"beside.py": "name = __name__\nprint(__name__, __file__)\n", "folder/deeper.py": "there = __file__\n"}
ODD = {"<NUL>": "\0", "<BYTE FF>": "\udcff"}


def corpus() -> dict[str, str]:
    """Code by name."""
    found = {}
    text = Path(__file__).with_name("corpus.txt").read_text()
    for part in text.split("=== ")[1:]:
        name, _, code = part.partition("\n")
        for word, odd in ODD.items():
            code = code.replace(word, odd)
        found[name] = code
    return found
