"""A batch followed to its end over real HTTP: what is at home, what the index says, and what a person reads."""

import contextlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cli.batch.fetch import fetch_batch
from cli.batch.follow import follow_batch
from cli.batch.landing import Landing
from cli.errors import CliError
from cli.main import answer
from cli.terminal.screen import warn
from cli.wire.grid import Grid
from cli.wire.progress import Progress
from cli.wire.transport import Api
from tests.fixtures.batch_server import BATCH, BatchServer


@pytest.fixture
def batch(odd_server, monkeypatch, tmp_path):
    monkeypatch.setenv("RGRID_API_URL", odd_server.url)
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")
    monkeypatch.chdir(tmp_path)
    return BatchServer(odd_server, [f"in/{i:03d}.txt" for i in range(40)])


def follow(batch, folder="outputs", **more):
    options = {"watch": True, "remote_only": False, **more}
    return follow_batch(Grid(batch.server.url, "rgk_x", "RGRID_API_URL"), BATCH, folder=Path(folder), **options)


def index(folder="outputs"):
    return json.loads((Path(folder) / "batch.json").read_text())


def end_all(batch, failing=()):
    for i in range(len(batch.names)):
        if i in failing:
            line = "ValueError: bad row" if i % 2 else "KeyError: 'x'"
            batch.end(i, "failed", exit_code=1 + i % 2, error_line=line, files={"partly.txt": b"p"})
        else:
            batch.end(i, files={"out.txt": b"%d" % i, "deep/er.bin": b"\x00" * i})


@contextlib.contextmanager
def meanwhile(work):
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def late(monkeypatch, name, seconds=0.1):
    """What is named so begins that much later: as on a machine that has other things to do."""
    found = pkgutil.resolve_name(name)

    def delayed(*words, **more):
        time.sleep(seconds)
        return found(*words, **more)

    monkeypatch.setattr(name, delayed)


@pytest.fixture
def told(monkeypatch):
    """Outages that were told, as they come; they are told soon."""
    said = []

    def noted(text):
        said.append(text)
        warn(text)

    monkeypatch.setattr("cli.batch.outage.TOLD_AFTER_SECONDS", 0.1)
    monkeypatch.setattr("cli.batch.outage.warn", noted)
    return said


def until(true):
    while not true():
        time.sleep(0.02)


def test_everything_comes_home_while_it_runs(batch, capfd):
    seen_early = []

    def live():
        for i in range(20):
            batch.end(i, files={"out.txt": b"%d" % i})
        while not Path("outputs/in/019.txt/out.txt").exists():
            time.sleep(0.02)
        seen_early.append(batch.doc()["status"])
        for i in range(20, 40):
            batch.end(i, files={"out.txt": b"%d" % i})

    with meanwhile(live):
        assert follow(batch, inputs=[(name, f"./{name}") for name in batch.names]) == 0
    assert seen_early == ["running"]
    for i in range(40):
        assert Path(f"outputs/in/{i:03d}.txt/out.txt").read_bytes() == b"%d" % i
    said = index()
    assert said["complete"] and said["counts"]["succeeded"] == said["count"] == len(said["members"]) == 40
    assert said["members"][7]["input"] == "./in/007.txt"
    assert said["members"][7]["outputs"][0]["file"] == "in/007.txt/out.txt"
    assert said["members"][7]["cost_micros"] == 1
    err = capfd.readouterr().err
    assert "✔ succeeded   all 40" in err and "40 members, 40 files" in err
    assert f"rgrid cost --batch {BATCH}" in err


def test_nobody_is_asked_per_member(batch):
    with meanwhile(lambda: end_all(batch)):
        assert follow(batch) == 0
    about = [path for path in batch.asked if not path.startswith("/blobs/")]
    assert {path.rsplit("/", 1)[1] for path in about} <= {BATCH, "wait", "results"}


def test_failures_are_told_by_cause_with_what_to_type(batch, capfd):
    end_all(batch, failing=(3, 4, 5))
    assert follow(batch) == 1
    err = capfd.readouterr().err
    assert "✘ failed      37 succeeded · 3 failed" in err
    assert "2 ×         exit 2: ValueError: bad row" in err
    assert "for one in/003.txt: rgrid logs exec_000000000003" in err
    assert f"rgrid retry {BATCH} --failed" in err
    assert index()["members"][3]["error_line"] == "ValueError: bad row"
    assert Path("outputs/in/003.txt/partly.txt").exists()


def test_off_a_terminal_there_are_few_lines(batch, capfd):
    batch.names[:] = [f"{i}" for i in range(3000)]
    batch.status = dict.fromkeys(range(3000), "queued")

    def live():
        for i in range(3000):
            batch.end(i, "failed" if i % 2 else "succeeded", exit_code=i % 2, error_line="boom" if i % 2 else "")

    with meanwhile(live):
        assert follow(batch) == 1
    assert len(capfd.readouterr().err.splitlines()) < 25
    assert len(index()["members"]) == 3000


def test_a_grid_that_is_away_is_waited_for_and_said_once(batch, capfd, told):

    def live():
        for i in range(20):
            batch.end(i, files={"out.txt": b"%d" % i})
        until(lambda: Path("outputs/in/019.txt/out.txt").exists())
        batch.away = True
        until(lambda: told)
        asked = len(batch.asked)
        until(lambda: len(batch.asked) >= asked + 2)  # what is met again is not told again
        batch.away = False
        for i in range(20, 40):
            batch.end(i, files={"out.txt": b"%d" % i})

    with meanwhile(live):
        assert follow(batch) == 0
    err = capfd.readouterr().err
    assert err.count("the grid does not answer") == 1
    assert err.count("the grid answers again") == 1
    assert index()["complete"]


def test_a_proxy_that_answers_html_is_named(batch, capfd, told):
    batch.html = True
    with pytest.raises(CliError, match="answered with a web page"):
        follow(batch)
    batch.html = False

    def live():
        batch.end(0, files={"out.txt": b"0"})
        until(lambda: Path("outputs/in/000.txt/out.txt").exists())
        batch.html = True
        batch.end(1)
        until(lambda: told)
        batch.html = False
        end_all(batch)

    with meanwhile(live):
        assert follow(batch) == 0
    assert "answered with a web page, not with rgrid's API; is a proxy in between?" in capfd.readouterr().err


def test_nothing_is_overwritten_and_what_was_ours_may_be(batch, capfd):
    Path("outputs/in/001.txt").mkdir(parents=True)
    Path("outputs/in/001.txt/out.txt").write_text("mine")
    Path("outputs/in/002.txt").write_text("a file where a folder belongs")
    end_all(batch, failing=(5,))
    assert follow(batch) == 1
    assert Path("outputs/in/001.txt/out.txt").read_text() == "mine"
    assert Path("outputs/in/001.txt/deep/er.bin").read_bytes() == b"\x00"
    assert Path("outputs/in/002.txt").read_text() == "a file where a folder belongs"
    err = capfd.readouterr().err
    assert "2 more existed and differ; nothing was overwritten" in err and "-o other" in err
    assert not index()["complete"]
    batch.end(5, "succeeded", files={"partly.txt": b"whole now"})
    with pytest.raises(CliError) as refused:
        follow(batch)
    assert refused.value.code == "OUTPUT_EXISTS"
    assert Path("outputs/in/005.txt/partly.txt").read_text() == "whole now"
    assert index()["members"][5]["attempt"] == 2


def test_costs_that_come_late_are_in_the_index(batch):
    batch.prices_late = True

    def live():
        end_all(batch)
        until(lambda: Path("outputs/in/039.txt/out.txt").exists())
        batch.priced()

    with meanwhile(live):
        assert follow(batch) == 0
    assert {each["cost_micros"] for each in index()["members"]} == {1}


def test_remote_only_leaves_nothing_here(batch):
    end_all(batch)
    assert follow(batch, remote_only=True) == 0
    assert not Path("outputs").exists()
    assert not [path for path in batch.asked if path.endswith("results") or path.startswith("/blobs")]


def test_long_lists_of_outputs_are_asked_for(batch):
    end_all(batch)
    batch.end(0, files={f"f{i}": b"%d" % i for i in range(50)}, listed=False)
    assert follow(batch) == 0
    assert len(list(Path("outputs/in/000.txt").iterdir())) >= 50
    assert index()["members"][0]["outputs_count"] == 50


def test_names_that_would_leave_the_folder_are_refused(batch, capfd):
    end_all(batch)
    batch.end(0, files={"../../../evil": b"x"})
    with pytest.raises(CliError) as refused:
        follow(batch)
    assert refused.value.code == "OUTPUT_NAME"
    assert not list(Path().resolve().parent.rglob("evil"))
    assert Path("outputs/in/039.txt/out.txt").exists()
    assert not index()["complete"]


@pytest.mark.parametrize("flat", [False, True])
def test_long_names_come_home(batch, flat):
    for i in range(40):
        batch.end(i, files={"x" * 255: b"%d" % i})
    assert follow(batch, flat=flat) == 0
    for each in index()["members"]:
        assert (Path("outputs") / each["outputs"][0]["file"]).read_bytes() == b"%d" % each["index"]


def test_a_file_that_cannot_be_written_stops_no_other(batch, capfd):
    deep = "/".join(["d" * 200] * 21)
    for i in range(40):
        batch.end(i, files={"a.txt": b"a", deep: b"deep", "z.txt": b"z"} if i == 0 else {"a.txt": b"a", "z.txt": b"z"})
    assert answer(["attach", BATCH]) == 125
    assert "cannot be written (File name too long)" in capfd.readouterr().err
    for i in range(40):
        assert Path(f"outputs/in/{i:03d}.txt/z.txt").read_bytes() == b"z"
    said = index()
    first = said["members"][0]
    assert not said["complete"]
    assert [each["path"] for each in first["outputs"]] == ["a.txt", "z.txt"]
    assert first["unwritten"] == [f"in/000.txt/{deep}"] and "File name too long" in first["problem"]


def test_download_resumes_verifies_and_picks(batch, capfd):
    end_all(batch, failing=(7,))
    assert answer(["download", BATCH, "--only-failed"]) == 0
    assert [path.name for path in Path("outputs/in").iterdir()] == ["007.txt"]
    assert answer(["download", BATCH]) == 0
    assert index()["complete"]
    Path("outputs/in/009.txt/out.txt").unlink()
    asked = len([path for path in batch.asked if path.startswith("/blobs")])
    assert answer(["download", BATCH, "--json"]) == 0
    assert len([path for path in batch.asked if path.startswith("/blobs")]) == asked + 1
    said = json.loads(capfd.readouterr().out)
    assert (said["members"], said["count"]) == (40, 79)
    assert answer(["download", BATCH, "--flat", "-o", "flat"]) == 0
    assert Path("flat/in__009.txt__deep__er.bin").read_bytes() == b"\x00" * 9
    assert index("flat")["members"][9]["folder"] == "."


@pytest.mark.parametrize(
    "slow", ["cli.batch.index.Index.write", "cli.batch.results.Results.drain", "cli.batch.feed.Feed.run"]
)
@pytest.mark.parametrize("verb", ["download", "attach"])
def test_a_folder_that_takes_nothing_is_told_once_and_plainly(batch, capfd, monkeypatch, verb, slow):
    late(monkeypatch, slow)
    end_all(batch)
    Path("two.py").write_text("mine")
    assert answer([verb, BATCH, "-o", "two.py"]) == 125
    err = capfd.readouterr().err
    assert err.count("two.py") == 1 and "✘ two.py is a file, and outputs need a folder of that name." in err, err
    assert f"rgrid download {BATCH} -o other" in err and "\x1b" not in err and "goes on" not in err, err
    assert not [path for path in batch.asked if path.endswith("results") or path.startswith("/blobs")]
    assert Path("two.py").read_text() == "mine"


def test_a_folder_that_takes_nothing_is_told_while_there_may_be_hours_to_go(batch, capfd):
    Path("two.py").write_text("mine")
    batch.end(0, files={"out.txt": b"0"})
    told = []

    def live():
        until(lambda: any(path.endswith("wait") for path in batch.asked))
        told.append(capfd.readouterr().err)
        end_all(batch)

    with meanwhile(live):
        assert answer(["attach", BATCH, "-o", "two.py"]) == 125
    assert told[0].count("two.py is a file") == 1 and "The batch goes on; its results stay on the grid." in told[0]


@pytest.mark.parametrize("slow", ["cli.batch.index.Index.write", "cli.batch.landing.Landing.land"])
def test_a_disk_that_fails_is_told_before_what_stood_in_the_way(batch, capfd, monkeypatch, slow):
    def full(*_):
        raise CliError("No room.", code="OUTPUT_UNWRITABLE")

    late(monkeypatch, slow)
    monkeypatch.setattr("cli.batch.landing.Landing.announce", full)
    Path("outputs/in/001.txt").mkdir(parents=True)
    Path("outputs/in/001.txt/out.txt").write_text("mine")
    end_all(batch)
    assert answer(["download", BATCH]) == 125
    assert "✘ No room." in capfd.readouterr().err


@pytest.mark.parametrize("words", [[], ["--only-failed"]])
def test_a_download_says_how_far_it_is(batch, capfd, monkeypatch, words):
    class Kept(Progress):
        def __init__(self, *said):
            super().__init__(*said)
            kept.append(self)

    kept = []
    monkeypatch.setattr("cli.batch.fetch.Progress", Kept)
    end_all(batch, failing=(3, 4))
    batch.more = {
        "outputs": {"count": 1, "size_bytes": sum(end["outputs"]["size_bytes"] for end in batch.ends.values())}
    }
    for _ in range(2):  # the second time all of it is here
        assert answer(["download", BATCH, *words]) == 0
    expected = 2 if words else batch.more["outputs"]["size_bytes"]
    assert [(each.done_bytes, each.total_bytes) for each in kept] == [(expected, expected)] * 2


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("kind", ["a folder", "a file", "a link"])
def test_force_is_not_advised_where_it_does_not_help(batch, capfd, force, kind):
    end_all(batch)
    place = Path("outputs/in/007.txt" + ("/out.txt" if kind == "a folder" else ""))
    place.parent.mkdir(parents=True)
    {"a folder": place.mkdir, "a file": place.touch, "a link": lambda: place.symlink_to("nowhere")}[kind]()
    assert answer(["download", BATCH, *force]) == 125
    err = capfd.readouterr().err
    assert f"{place} is {kind}" in err and "--force" not in err and "-o other" in err, err
    assert Path("outputs/in/008.txt/out.txt").read_bytes() == b"8"


@pytest.mark.parametrize("slow", ["000", "007", "nobody"])
def test_whoever_comes_first_the_same_is_told(batch, capfd, monkeypatch, slow):
    """Six files differ and a file is where a folder belongs; members come in any order."""
    land = Landing.land

    def delayed(self, item):
        time.sleep(0.2 if slow in item["member"] else 0)
        return land(self, item)

    monkeypatch.setattr(Landing, "land", delayed)
    for i in range(6):
        Path(f"outputs/in/{i:03d}.txt").mkdir(parents=True)
        Path(f"outputs/in/{i:03d}.txt/out.txt").write_text("mine")
    Path("outputs/in/007.txt").write_text("a file where a folder belongs")
    end_all(batch)
    assert answer(["download", BATCH]) == 125
    err = capfd.readouterr().err
    assert "✘ outputs/in/007.txt is a file, and outputs need a folder of that name; 7 more existed and differ" in err, (
        err
    )
    assert "--force" not in err
    Path("outputs/in/007.txt").unlink()
    assert answer(["download", BATCH]) == 125
    assert "✘ outputs/in/000.txt/out.txt and 5 more existed and differ" in capfd.readouterr().err


@pytest.mark.parametrize("slow", ["003", "009"])
def test_the_first_member_that_is_refused_is_told(batch, capfd, monkeypatch, slow):
    land = Landing.land

    def delayed(self, item):
        time.sleep(0.2 if slow in item["member"] else 0)
        return land(self, item)

    monkeypatch.setattr(Landing, "land", delayed)
    end_all(batch)
    for i in (3, 9):
        batch.end(i, files={f"../{i}": b"x"})
    assert answer(["download", BATCH]) == 125
    err = capfd.readouterr().err
    assert (
        "✘ An output is named 'in/003.txt/../3': refused, it would leave the folder. And so it is with 1 member more."
        in err
    ), err


def test_one_process_at_a_time_brings_them_home(batch, capfd):
    from cli.batch.alone import Alone

    end_all(batch)
    other = Alone(Path("outputs"), BATCH)
    assert other.taken()
    with pytest.raises(CliError) as refused:
        fetch_batch(Api(Grid(batch.server.url, "rgk_x", "x")), batch.doc(), Path("outputs"))
    assert refused.value.code == "FOLDER_BUSY"
    assert follow(batch) == 0
    assert "only watches" in capfd.readouterr().err
    assert not Path("outputs").exists()
    other.release()


def process(batch, *words):
    code = "import sys; from cli.main import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True, env={
        **os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})  # fmt: skip


def test_kill_9_at_any_moment_leaves_a_true_index(batch):
    for i in range(20):
        batch.end(i, files={"out.txt": b"%d" % i * 1000})
    for again in range(3):
        following = process(batch, "attach", BATCH)
        until(lambda: Path("outputs/batch.json").exists() and index()["members"])
        batch.end(20 + again, files={"out.txt": b"late"})
        following.kill()
        following.communicate()
        said = index()
        assert not said["complete"]
        for each in said["members"]:
            for output in each["outputs"]:
                assert (Path("outputs") / output["file"]).stat().st_size == output["size_bytes"]
    for i in range(23, 40):
        batch.end(i, files={"out.txt": b"%d" % i})
    assert answer(["download", BATCH]) == 0
    assert index()["complete"]
    assert not [path for path in Path("outputs").rglob("*") if path.name.endswith(".part")]


def test_an_interrupt_without_a_terminal_cancels(batch):
    batch.end(0, files={"out.txt": b"0"})
    following = process(batch, "attach", BATCH)
    until(lambda: Path("outputs/in/000.txt/out.txt").exists())
    following.send_signal(signal.SIGINT)
    said = following.communicate()[1]
    assert following.returncode == 130
    assert batch.cancelled == 1
    assert "✘ cancelled   1 succeeded · 39 cancelled" in said


def test_what_the_verbs_answer_for_a_batch(batch, capfd):
    end_all(batch, failing=(3,))
    assert answer(["wait", BATCH]) == 1
    assert answer(["status", BATCH]) == answer(["why", "@last"]) == answer(["batch", "@last", "--once"]) == 0
    out = capfd.readouterr().out
    assert out.count("failed · 40 of 40 (100 %)") == 3
    assert answer(["logs", BATCH]) == 2
    assert "One that failed: rgrid logs exec_000000000003" in capfd.readouterr().err
    assert answer(["outputs", BATCH, "--json"]) == 0
    files = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(files) == 79 and files[0]["member"] == "in/000.txt" and "url" not in files[0]
    assert answer(["batch", "exec_1"]) == 2
