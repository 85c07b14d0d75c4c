"""What a lock may say, and that nothing else gets through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environment.lock import LOCK_BYTES_MAX, packages_of
from domain.errors import Invalid

HASH = "--hash=sha256:" + "a" * 64
GOOD = f"""attrs==23.1.0 \\
    {HASH} \\
    --hash=sha256:{"b" * 64}
    # via -r requirements.in
Foo_Bar[x,y]==1.0+cu1!2 ; python_full_version < '3.12' and (sys_platform == "win32" or extra != 'a') \\
    {HASH}
six==1.16.0 {HASH}
"""
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5})?", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(rc[0-9])?", fullmatch=True)


def python(text: str) -> dict[str, str]:
    return packages_of("python", text.encode())


def node(version: object = 3, root: Any = None, **packages: Any) -> dict[str, str]:
    lock = {"lockfileVersion": version, "packages": {"": root or {"name": "x"}, **packages}}
    return packages_of("node", json.dumps(lock).encode())


def entry(**more: Any) -> dict[str, Any]:
    return {"version": "1.2.3", "resolved": "https://r.example/x.tgz", "integrity": "sha512-ab+/cd==", **more}


def test_pins_are_read_over_several_lines_with_markers_and_extras() -> None:
    assert python(GOOD) == {"attrs": "23.1.0", "foo-bar": "1.0+cu1!2", "six": "1.16.0"}


def test_a_package_in_two_versions_has_both() -> None:
    text = f"np==1.2 ; python_version < '3.9' {HASH}\nnp==2.0 ; python_version >= '3.9' {HASH}\n"
    assert python(text) == {"np": "1.2 or 2.0"}


def test_nothing_is_a_lock_of_nothing() -> None:
    assert python("") == python("\n\n# nothing\n") == {}


@pytest.mark.parametrize(
    "line",
    [
        "six==1.16.0",
        f"six>=1.16.0 {HASH}",
        f"six {HASH}",
        f"six==1.* {HASH}",
        f"six==1.16.0 --hash=md5:{'a' * 32}",
        f"six==1.16.0 --hash=sha256:{'a' * 63}",
        "--index-url https://index.example/simple",
        "-i https://index.example/simple",
        "--extra-index-url=https://index.example/simple",
        "--find-links ./wheels",
        "--trusted-host index.example",
        "--no-binary :all:",
        "-e .",
        "-r other.txt",
        "-c other.txt",
        "./six.whl",
        f"six @ https://h.example/six.whl {HASH}",
        f"six@https://h.example/six.whl {HASH}",
        f"https://h.example/six.whl {HASH}",
        f"six==1.16.0 --config-settings=x=y {HASH}",
        f"six==1.16.0 {HASH} --global-option=x",
        f"six==1.16.0 ; sys_platform == 'a' --index-url=x {HASH}",
        f"six==1.16.0 ; sys_platform == ' --index-url=x' {HASH}",
        f"six==1.16.0 ; os.system('x') {HASH}",
        f"six==1.16.0 {HASH} # c",
        f"six==1.16.0\\\n--index-url=https://h.example {HASH}",
        f"# a comment \\\nsix==1.16.0 {HASH}",
        f"six==1.16.0 {HASH}\r-e .",
        f"six==1.16.0 {HASH}\x0b-e .",
        f"six==1.16.0 {HASH}\u2028-e .",
        f"six==$VERSION {HASH}",
        f"six==1.16.0 {HASH}\\",
        "$" + f"{{X}}==1 {HASH}",
    ],
)  # fmt: skip
def test_what_is_not_a_pin_is_refused(line: str) -> None:
    last = line.endswith("\\")
    with pytest.raises(Invalid) as refused:
        python(f"attrs==1 {HASH}\n{line}" + ("\n-e .\n" if last else "\n"))
    assert refused.value.code == "INVALID_LOCK"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (LOCK_BYTES_MAX + 1)])
def test_what_is_no_text_or_too_long_is_refused(content: bytes) -> None:
    for kind in ("python", "node"):
        with pytest.raises(Invalid):
            packages_of(kind, content)


def test_a_marker_that_nearly_matches_takes_no_time() -> None:
    for repeated in ("=", "in ", "<", "(", "'a' "):
        with pytest.raises(Invalid):
            python(f"six==1 ; {repeated * 20_000}! {HASH}")


@given(st.dictionaries(NAMES, VERSIONS, max_size=20))
def test_what_was_written_is_read(packages: dict[str, str]) -> None:
    assert python("".join(f"{name}=={version} \\\n    {HASH}\n" for name, version in packages.items())) == packages


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in ("python", "node"):
        try:
            packages_of(kind, text.encode("utf-8", "surrogatepass"))
        except Invalid as refused:
            assert refused.code == "INVALID_LOCK"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["", "node_modules/a", "a", "node_modules/../a"]), JSON, max_size=4))
def test_any_lock_of_npm_is_read_or_refused(packages: dict[str, Any]) -> None:
    try:
        packages_of("node", json.dumps({"lockfileVersion": 3, "packages": packages}).encode())
    except Invalid as refused:
        assert refused.code == "INVALID_LOCK"


BUNDLED = {"outer": "1.2.3", "inner": "1.0.0", "beside": "3.0.0", "below": "2.0.0"}


@pytest.mark.parametrize("brought", [None, [], ["other"], "inner", {"inner": 1}])
def test_what_says_it_is_in_a_bundle_must_be_brought_by_one(brought: object) -> None:
    inner = {"version": "1.0.0", "inBundle": True}
    with pytest.raises(Invalid):
        node(**{"node_modules/a": entry(bundleDependencies=brought), "node_modules/a/node_modules/inner": inner})
    with pytest.raises(Invalid):
        node(root={"bundleDependencies": ["inner"]}, **{"node_modules/inner": inner})


def test_a_lock_of_npm_is_read() -> None:
    packages = {
        "node_modules/left-pad": entry(),
        "node_modules/@s/p": entry(version="2.0.0-rc.1+b", integrity="sha1-aa= sha512-bb=="),
        "node_modules/@s/p/node_modules/left-pad": entry(version="0.9.0"),
        "node_modules/outer": entry(bundleDependencies=["inner"]),
        "node_modules/outer/node_modules/inner": {
            "version": "1.0.0",
            "inBundle": True,
            "dependencies": {"beside": "*"},
        },
        "node_modules/outer/node_modules/beside": {"version": "3.0.0", "inBundle": True},
        "node_modules/outer/node_modules/inner/node_modules/below": {"version": "2.0.0", "inBundle": True},
    }
    root = {"dependencies": {"left-pad": "^1.2.0 || >=3", "other": "npm:@s/p@2"}, "devDependencies": {}}
    assert node(root=root, **packages) == {"left-pad": "1.2.3 or 0.9.0", "@s/p": "2.0.0-rc.1+b", **BUNDLED}
    assert node(2, **packages)


@pytest.mark.parametrize("version", [1, "3", None, 4, [3], True])
def test_a_lock_of_another_version_is_refused(version: object) -> None:
    with pytest.raises(Invalid):
        node(version)


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "git+https://h.example/x",
            "git@h.example:x",
            "file:../x",
            "file:x",
            "user/repo",
            "https://h.example/x.tgz",
            1,
        ),
        *("http://127.0.0.1:8080", "..", ".", "~\\x", "x.tgz", "X.TAR.GZ", "npm:x@..", "npm:x@http://h.example", "1\n"),
    ],
)
def test_a_wish_that_leads_elsewhere_is_refused(wanted: object) -> None:
    for at in ("", "node_modules/a"):
        with pytest.raises(Invalid):
            node(**{at: {**entry(), "dependencies": {"x": wanted}}})


@pytest.mark.parametrize(
    "wanted", ["", "*", "1.x || >=2.5.0 <3", "~1.2", "^1.2.3-rc.1+b", "latest", "npm:x", "npm:@s/x@^1"]
)
def test_a_range_a_tag_or_another_name_is_read(wanted: str) -> None:
    assert node(root={"dependencies": {"@s/x": wanted}}) == {}


def test_a_name_that_is_none_is_refused() -> None:
    for name in ("x@http://127.0.0.1:8080", "file:x", "../x", "", "x y"):
        with pytest.raises(Invalid):
            node(root={"dependencies": {name: "1"}})
        with pytest.raises(Invalid):
            node(**{"node_modules/a": entry(name=name)})
    assert node(**{"node_modules/a": entry(name="@s/x")}) == {"a": "1.2.3"}


@pytest.mark.parametrize(
    ("spot", "change"),
    [
        ("node_modules/a", {"link": True}),
        ("node_modules/a", {"resolved": "file:../a"}),
        ("node_modules/a", {"resolved": "git+ssh://git@h.example/a.git"}),
        ("node_modules/a", {"resolved": 1}),
        ("node_modules/a", {"integrity": None}),
        ("node_modules/a", {"integrity": "sha512-"}),
        ("node_modules/a", {"integrity": "md5-aa"}),
        ("node_modules/a", {"version": None}),
        ("node_modules/a", {"version": "../../x"}),
        ("node_modules/..", {}),
        ("node_modules/a/../b", {}),
        ("packages/a", {}),
        ("../a", {}),
        ("/node_modules/a", {}),
    ],
)
def test_an_entry_that_is_none_of_a_registry_is_refused(spot: str, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        node(**{spot: entry(**change)})
