"""Imports as they stand in a file: which are needed, which can be missing, which are never reached."""

import sys

import pytest

from cli.deps.scan import NESTED, OPTIONAL, TOP, imports_of


def read(text):
    return {each.module: each.need for each in imports_of(text.encode())}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import a, b.c as d", {"a": TOP, "b.c": TOP}),
        ("from a.b import c, d", {"a.b": TOP}),
        ("def f():\n    import a", {"a": NESTED}),
        ("class A:\n    import a\n    def f(self):\n        import b", {"a": TOP, "b": NESTED}),
        ("if x:\n    import a\nelse:\n    import b", {"a": NESTED, "b": NESTED}),
        ("if __name__ == '__main__':\n    import a", {"a": NESTED}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b", {"typing": TOP, "b": TOP}),
        ("import typing\nif not typing.TYPE_CHECKING:\n    import a", {"typing": TOP, "a": TOP}),
        ("try:\n    import a\nexcept ImportError:\n    a = None", {"a": OPTIONAL}),
        ("try:\n    import a\nexcept (ValueError, ModuleNotFoundError):\n    pass", {"a": OPTIONAL}),
        ("try:\n    import a\nexcept:\n    pass", {"a": OPTIONAL}),
        ("try:\n    import a\nexcept OSError:\n    pass", {"a": TOP}),
        ("try:\n    import a\nexcept ImportError:\n    import sys\n    sys.exit('install a')", {"a": TOP, "sys": NESTED}),
        ("try:\n    import a\nexcept ImportError as e:\n    raise SystemExit(1) from e", {"a": TOP}),
        ("try:\n    pass\nfinally:\n    import a", {"a": TOP}),
        ("with suppress(ImportError):\n    import a", {"a": OPTIONAL}),
        ("with open('x') as f:\n    import a", {"a": TOP}),
        ("import sys\nif sys.platform == 'win32':\n    import winreg2\nelse:\n    import b", {"sys": TOP, "b": TOP}),
        ("import os\nif os.name == 'nt':\n    import a\nelif os.name == 'posix':\n    import b", {"os": TOP, "b": TOP}),
        ("import sys\nif sys.platform.startswith('darwin'):\n    import a", {"sys": TOP}),
        ("import platform\nif platform.system() != 'Linux' and x:\n    import a", {"platform": TOP}),
        ("import platform\nif platform.system() in ('Linux', 'Darwin'):\n    import a", {"platform": TOP, "a": TOP}),
        ("import sys\nif sys.version_info >= (3, 11):\n    import tomllib\nelse:\n    import tomli",
         {"sys": TOP, "tomllib": OPTIONAL, "tomli": OPTIONAL}),
        ("while True:\n    import a\n    break\nfor x in y:\n    pass\nelse:\n    import b", {"a": NESTED, "b": NESTED}),
        ("match x:\n    case 1:\n        import a", {"a": NESTED}),
        ("async def f():\n    async with x:\n        import a", {"a": NESTED}),
        ("import importlib\nm = importlib.import_module('a.b')\nn = __import__('c')\nimportlib.import_module('.rel', 'p')",
         {"importlib": TOP, "a.b": OPTIONAL, "c": OPTIONAL}),
        ("'import no'\n# import no\nx = '''\nimport no\n'''", {}),
        ("if False:\n    import a", {}),
    ],
)  # fmt: skip
def test_how_badly_a_module_is_needed(text, found):
    assert read(text) == found


def test_what_stands_in_for_another_says_for_which():
    found = imports_of(b"try:\n    import ujson, x\nexcept ImportError:\n    import simplejson as ujson\n")
    assert [(each.module, each.unless) for each in found][-1] == ("simplejson", ("ujson", "x"))


def test_relative_imports_keep_their_dots():
    [one, two] = imports_of(b"from . import a, b\nfrom ..c.d import e\n")
    assert (one.module, one.level, one.names) == ("", 1, ("a", "b"))
    assert (two.module, two.level, two.line) == ("c.d", 2, 2)


def test_any_source_that_compiles_is_read():
    import pathlib

    standard = pathlib.Path(sys.modules["os"].__file__).parent
    for name in ("os", "typing", "asyncio/base_events", "ctypes/__init__", "email/message", "test/test_grammar"):
        path = standard / f"{name}.py"
        if path.exists():
            assert isinstance(imports_of(path.read_bytes()), list)
    with pytest.raises(SyntaxError):
        imports_of(b"import")
