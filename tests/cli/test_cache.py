"""`rgrid cache` against a real gateway: what is listed, what would go, what goes; and what `why` and a plan say of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from cli.cache import row, unused_days
from cli.errors import UsageProblem
from cli.job.estimate import built_words
from cli.why import runs_in
from domain.environment.events import EnvironmentInvalidated
from services.runtime.log import Ref
from tests.gateway.conftest import ACCOUNT, GatewayUnderTest
from tests.gateway.conftest import gateway as gateway
from tests.gateway.test_environments import PINS, build, packages


async def rgrid(gateway: GatewayUnderTest, *words: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)"""
    env = {**os.environ, "RGRID_API_URL": gateway.url, "RGRID_API_KEY": gateway.key, "NO_COLOR": "1"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli.main", *words, env=env, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def used(gateway: GatewayUnderTest) -> str:
    """An environment that the script hello.py needs."""
    await gateway.store(PINS)
    id = await build(gateway)
    _, body = await gateway.call("GET", f"/executions/{await gateway.submit(environment=packages())}")
    await gateway.parts.queries.wait_for(body["sequence"], 5)
    return id


async def test_the_list_says_what_there_is(gateway: GatewayUnderTest) -> None:
    code, out, err = await rgrid(gateway, "cache")
    assert (code, out) == (0, "") and "No built packages are kept" in err and "rgrid cache ls --all" in err
    id = await used(gateway)
    code, out, err = await rgrid(gateway, "cache")
    assert code == 0
    line = out.splitlines()[1]
    assert line.split()[:5] == [id[:16], "python", "3.11.7", "6", "100"]
    assert "local-1" in line and "hello.py" in line and line.endswith("requirements.txt")
    assert "1 environment · 100 B on the nodes, 70 B packed in the store" in err
    _, out, _ = await rgrid(gateway, "cache", "ls", "--json", "--script", "./hello.py")
    assert json.loads(out)["id"] == id
    assert (await rgrid(gateway, "cache", "ls", "--script", "b.py"))[1] == ""


async def test_what_would_go_stays(gateway: GatewayUnderTest) -> None:
    id = await used(gateway)
    for words in (["invalidate", id[:12]], ["invalidate", "--script", "hello.py"], ["invalidate", "--all"]):
        code, out, _ = await rgrid(gateway, "cache", *words, "--dry-run", "--json")
        assert (code, json.loads(out)["ids"]) == (0, [id])
    _, _, err = await rgrid(gateway, "cache", "invalidate", "@last", "--dry-run")
    assert f"1 environment · {id[:16]} would be invalidated" in err
    _, _, err = await rgrid(gateway, "cache", "prune")
    assert "nothing that was built matches" in err
    assert len((await gateway.parts.log.load(Ref(ACCOUNT, "environment", id))).commits) == 1


async def test_what_is_invalidated_is_built_anew(gateway: GatewayUnderTest) -> None:
    id = await used(gateway)
    code, out, err = await rgrid(gateway, "cache", "invalidate", id[4:14])
    assert (code, out) == (0, "") and f"invalidated 1 environment · {id[:16]}" in err
    history = await gateway.parts.log.load(Ref(ACCOUNT, "environment", id))
    assert history.commits[-1].commit.events == (EnvironmentInvalidated(f"key:{gateway.key_id}"),)
    await gateway.parts.queries.wait_for(history.position, 5)
    assert (await rgrid(gateway, "cache"))[1] == ""
    assert "(invalidated)" in (await rgrid(gateway, "cache", "ls", "--all"))[1]


@pytest.mark.parametrize(
    "words",
    [
        ["invalidate"],
        ["invalidate", "env_1", "--all"],
        ["invalidate", "--all", "--script", "a.py"],
        ["prune", "--unused", "soon"],
    ],
)
async def test_who_does_not_say_which_is_told(gateway: GatewayUnderTest, words: list[str]) -> None:
    assert (await rgrid(gateway, "cache", *words))[0] == 2


@pytest.mark.parametrize("time", ["1h", "0d", "foo"])
def test_a_time_that_is_none_is_told_in_words_of_this_verb(time: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        unused_days(time)
    assert "--unused" in caught.value.message and "rgrid cache prune --unused 7d" in caught.value.hint


async def test_what_is_no_environment_is_told(gateway: GatewayUnderTest) -> None:
    for more in ([], ["--dry-run"]):
        code, _, err = await rgrid(gateway, "cache", "invalidate", "env_0000", *more)
        assert code == 2 and "env_0000" in err and "rgrid cache ls" in err


async def test_why_shows_what_it_runs_in(gateway: GatewayUnderTest) -> None:
    id = await used(gateway)
    code, out, _ = await rgrid(gateway, "why", "@last")
    assert code == 0 and f"{id[:16]} for cpython 3.11.7 on linux-x86_64 · on local-1" in out
    _, out, _ = await rgrid(gateway, "why", "@last", "--json")
    found = json.loads(out)["environment"]
    assert (found["source"], found["packages"], found["made"][0]["status"]) == ("requirements.txt", 1, "good")


def test_parts_that_are_gone_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    made = {"id": "env_" + "0" * 24, "status": "pruned", "interpreter": "cpython 3.12.1", "platform": "linux-x86_64"}
    runs_in(
        {
            "kind": "python",
            "lock": "ab" * 32,
            "source": "a.py",
            "packages": None,
            "interpreter": "3.12",
            "image": "mine:1",
            "made": [made],
        }
    )
    runs_in({})
    assert capsys.readouterr().out.splitlines() == [
        "  lock         abababababab of a.py, its text is not kept any more",
        "  interpreter  3.12",
        "  image        mine:1",
        "  built        env_000000000000 for cpython 3.12.1 on linux-x86_64 · pruned",
    ]


def test_a_plan_says_whether_it_is_built() -> None:
    assert built_words({"environment": {"built": True}}) == "built before"
    assert built_words({"environment": {"built": False, "build_ms": 12_300}}) == "to be built (about 12.3 s)"
    assert built_words({"environment": {"built": False, "build_ms": None}}) == "to be built"
    assert built_words({"environment": None}) == built_words({}) == ""


def test_one_in_an_image_says_so() -> None:
    line = row({"id": "env_1", "kind": "python", "target": "cpython-3.12.1-linux-x86_64-image-ab", "status": "good"})
    assert line[1] == "python 3.12.1 in an image" and line[5] == "no node"
