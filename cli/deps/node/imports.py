"""What a JavaScript file imports, and which files of one's own that leads to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from .tokens import tokens

COMES_WITH_NODE = """
assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs
http http2 https inspector module net os path perf_hooks process punycode querystring readline repl sea sqlite stream
string_decoder sys test timers tls trace_events tty url util v8 vm wasi worker_threads zlib
"""
BUILTINS = frozenset(COMES_WITH_NODE.split())
ENDS = ("", ".js", ".mjs", ".cjs", ".json", "/index.js", "/index.mjs", "/index.cjs")
CODE = (".js", ".mjs", ".cjs")
FILES_MAX = 5_000
SOURCE_BYTES_MAX = 1 << 20
"""Larger files are bundles, which have in them what they import."""


@dataclass(slots=True)
class Followed:
    """Files of one's own, and packages with the file and line that import them first."""

    files: list[Path] = field(default_factory=list)
    packages: dict[str, tuple[Path, int]] = field(default_factory=dict)


def follow(script: Path) -> Followed:
    """What `script` leads to. A file that is no text is taken along and not read."""
    found = Followed()
    waiting = [script.absolute()]
    seen = set(waiting)
    while waiting and len(seen) < FILES_MAX:
        path = waiting.pop()
        code = path.suffix in CODE or path == script.absolute()
        text = path.read_text("utf-8", "replace") if code and path.stat().st_size <= SOURCE_BYTES_MAX else ""
        for name, line in specifiers(text):
            if name.startswith((".", "/")):
                target = resolved(path.parent, name) if name.startswith(".") else None
                if target is not None and target not in seen:
                    seen.add(target)
                    found.files.append(target)
                    waiting.append(target)
            elif package := package_of(name):
                found.packages.setdefault(package, (path, line))
    return found


def specifiers(text: str) -> list[tuple[str, int]]:
    """The names in `import … from 'x'`, `import 'x'`, `import('x')`, `export … from 'x'` and `require('x')`, with lines."""
    found = []
    words = [("", "", 0), ("", "", 0), *tokens(text)]
    for i in range(2, len(words)):
        kind, name, line = words[i]
        before, two = words[i - 1], words[i - 2]
        if kind != "string" or not name:
            continue
        called = before[1] == "(" and two[:2] in (("word", "require"), ("word", "import"))
        if called or before[:2] in (("word", "from"), ("word", "import")):
            dotted = words[i - 3][1] == "." if called and i > 3 else False
            if not dotted:
                found.append((name, line))
    return found


def package_of(name: str) -> str:
    """`lodash` of `lodash/fp`, `@scope/x` of `@scope/x/y`; empty for what comes with Node, and for what is no package."""
    if name.startswith(("node:", "#", "data:", "file:", "http:", "https:")):
        return ""
    parts = name.split("/")
    package = "/".join(parts[:2]) if name.startswith("@") else parts[0]
    return "" if parts[0] in BUILTINS else package


def resolved(folder: Path, name: str) -> Path | None:
    """The file that `./name` means beside another, as Node finds it."""
    for end in ENDS:
        path = folder.joinpath(name + end)
        if path.is_file():
            return Path(os.path.normpath(path))
    return None
