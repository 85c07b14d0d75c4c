"""Scripts that nobody tuned for, run as a person would: what the terminal gets, what comes home, what the log tells."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "my work"
    folder.mkdir()
    return folder


def run(grid: GridUnderTest, desk: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return grid.rgrid("run", *arguments, cwd=desk, **more)


def doc_of_last(grid: GridUnderTest) -> dict[str, Any]:
    return dict(json.loads(grid.rgrid("status", "@last", "--json", check=True).stdout))


def story_of(grid: GridUnderTest, id: str) -> list[str]:
    lines = grid.rgrid("events", id, "--json", check=True).stdout.splitlines()
    return [json.loads(line)["type"] for line in lines]


AGGREGATE = """
import csv, collections, sys
sums = collections.Counter()
with open(sys.argv[1], newline="") as rows:
    for row in csv.DictReader(rows):
        sums[row["country"]] += int(row["amount"])
with open("totals.csv", "w", newline="") as out:
    writer = csv.writer(out)
    writer.writerow(["country", "amount"])
    for country, amount in sums.most_common():
        writer.writerow([country, amount])
        print(country, amount)
print(len(sums), "countries", file=sys.stderr)
"""


def test_a_csv_aggregation_equals_the_plain_run_and_brings_its_file_home(
    shared_grid: GridUnderTest, desk: Path
) -> None:
    (desk / "aggregate.py").write_text(AGGREGATE)
    (desk / "data").mkdir()
    rows = [f"{name},{i * 7 % 101}" for i, name in enumerate(["Perú", "Côte d'Ivoire", "日本", "Malta"] * 50)]
    (desk / "data/sales 2025.csv").write_text("country,amount\n" + "\n".join(rows) + "\n")
    plain = subprocess.run(["python3", "aggregate.py", "data/sales 2025.csv"], cwd=desk, capture_output=True, text=True)
    expected = (desk / "totals.csv").read_bytes()
    (desk / "totals.csv").unlink()

    done = run(shared_grid, desk, "aggregate.py", "data/sales 2025.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout == plain.stdout
    assert "4 countries" in done.stderr
    doc = doc_of_last(shared_grid)
    home = desk / "outputs" / doc["id"]
    assert (home / "totals.csv").read_bytes() == expected
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["totals.csv"]
    assert doc["status"] == "succeeded" and doc["exit_code"] == 0
    assert doc["log_lines"] == plain.stdout.count("\n") + 1
    assert doc["cost"]["final_micros"] == 0
    story = story_of(shared_grid, doc["id"])
    assert story.count("cost.estimated") == 1
    assert [each for each in story if each != "cost.estimated"] == [
        "execution.submitted",
        "execution.cached",
        "execution.assigned",
        "execution.started",
        "execution.finished",
        "cost.finalized",
    ]


def test_code_seven_is_code_seven(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "seven.py").write_text("import sys\nprint('half done')\nsys.exit(7)\n")
    done = run(shared_grid, desk, "seven.py")
    assert done.returncode == 7
    assert done.stdout == "half done\n"
    assert "7" in done.stderr and "Traceback" not in done.stderr
    doc = doc_of_last(shared_grid)
    assert (doc["status"], doc["exit_code"], doc["reason"]["code"]) == ("failed", 7, "EXIT_CODE")
    assert shared_grid.rgrid("wait", doc["id"]).returncode == 7
    assert shared_grid.rgrid("logs", "-f", doc["id"]).returncode == 7


def test_two_hundred_thousand_lines_arrive_complete_and_in_order(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "many.py").write_text("for i in range(200_000):\n    print('line', i, 'of a long story')\n")
    expected = "".join(f"line {i} of a long story\n" for i in range(200_000))
    done = run(shared_grid, desk, "many.py")
    assert done.returncode == 0, done.stderr[-2000:]
    assert hashlib.sha256(done.stdout.encode()).hexdigest() == hashlib.sha256(expected.encode()).hexdigest()
    doc = doc_of_last(shared_grid)
    assert doc["log_lines"] == 200_000
    again = shared_grid.rgrid("logs", doc["id"])
    assert again.stdout == expected


FORKS = """
import os, signal, sys, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
print("forked", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_that_forks_and_is_killed_leaves_nothing_behind(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "forks_and_dies_7f3.py").write_text(FORKS)
    done = run(shared_grid, desk, "forks_and_dies_7f3.py")
    assert done.stdout == "forked\n"
    doc = doc_of_last(shared_grid)
    assert (doc["status"], doc["reason"]["code"]) == ("failed", "SIGNAL")
    assert done.returncode == 137
    left = subprocess.run(["pgrep", "-f", "forks_and_dies_7f3.py"], capture_output=True, text=True)
    assert left.stdout == ""


def test_five_hundred_files_come_home_each_with_its_content(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "files.py").write_text(
        "import pathlib\n"
        "for i in range(500):\n"
        "    path = pathlib.Path(f'out/{i % 10}/deep/er/file {i}.txt')\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.write_text(f'content {i}\\n' * (i % 7))\n"
    )
    done = run(shared_grid, desk, "files.py", "-o", "here")
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(desk / "here").as_posix(): path.read_text() for path in (desk / "here").rglob("*.txt")}
    assert found == {f"out/{i % 10}/deep/er/file {i}.txt": f"content {i}\n" * (i % 7) for i in range(500)}


def test_a_node_script_reads_its_input_and_writes_its_output(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "upper.mjs").write_text(
        "import fs from 'node:fs';\n"
        "const text = fs.readFileSync(process.argv[2], 'utf8');\n"
        "fs.writeFileSync('upper.txt', text.toUpperCase());\n"
        "console.log(text.split('\\n').length, 'lines');\n"
    )
    (desk / "in.txt").write_text("a\nb\nc")
    done = run(shared_grid, desk, "upper.mjs", "in.txt", "-o", "got")
    assert (done.returncode, done.stdout) == (0, "3 lines\n"), done.stderr
    assert (desk / "got/upper.txt").read_text() == "A\nB\nC"


def test_a_shell_script_gets_its_arguments_untouched(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "args.sh").write_text('for a in "$@"; do printf "[%s]" "$a"; done\n')
    done = run(shared_grid, desk, "args.sh", "--", "--lr", "0.1", "a b", "*", "", "$HOME", "-o")
    assert done.stdout == "[--lr][0.1][a b][*][][$HOME][-o]", done.stderr


def test_a_script_without_an_ending_runs_by_its_first_line_or_by_what_is_asked(
    shared_grid: GridUnderTest, desk: Path
) -> None:
    (desk / "tool").write_text("#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:])\n")
    assert run(shared_grid, desk, "tool", "a", "b").stdout == "['a', 'b']\n"
    (desk / "plain").write_text("echo from sh\n")
    assert run(shared_grid, desk, "plain", "--runtime", "sh").stdout == "from sh\n"
    (desk / "really.txt").write_text("console.log(1 + 1)\n")
    assert run(shared_grid, desk, "--runtime", "node", "really.txt").stdout == "2\n"


def test_bytes_pass_as_they_are(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "raw.py").write_text(
        "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 3 + b'\\r\\x1b[31mred\\x1b[0m no newline')\n"
    )
    done = run(shared_grid, desk, "raw.py", text=False)
    assert done.stdout == bytes(range(256)) * 3 + b"\r\x1b[31mred\x1b[0m no newline"


def test_a_timeout_says_so_and_answers_124(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "slow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    done = run(shared_grid, desk, "slow.py", "--timeout", "1s")
    assert done.returncode == 124
    assert done.stdout == "begun\n"
    assert doc_of_last(shared_grid)["status"] == "timed_out"


def test_retries_are_the_scripts_own_and_every_attempt_is_seen(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "third.py").write_text(
        "import os, sys\nn = int(os.environ['RGRID_ATTEMPT'])\nprint('attempt', n)\nsys.exit(0 if n == 3 else 9)\n"
    )
    done = run(shared_grid, desk, "third.py", "--retries", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "attempt 1\nattempt 2\nattempt 3\n"
    doc = doc_of_last(shared_grid)
    assert [attempt["exit_code"] for attempt in doc["attempts"]] == [9, 9, 0]
    assert shared_grid.rgrid("logs", doc["id"], "--attempt", "2").stdout == "attempt 2\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("broken.py", "def f(:\n    pass\n", "line 1"),
        ("empty.py", "", "empty"),
        ("gone.py", None, "gone.py"),
        ("what.xyz", "hello\n", "--runtime"),
    ],
)
def test_what_cannot_run_is_said_before_anything_is_queued(
    shared_grid: GridUnderTest, desk: Path, name: str, content: str | None, says: str
) -> None:
    before = shared_grid.rgrid("ps", "--json").stdout
    if content is not None:
        (desk / name).write_text(content)
    done = run(shared_grid, desk, name)
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr
    assert shared_grid.rgrid("ps", "--json").stdout == before


def test_no_network_unless_asked_and_a_clean_environment(shared_grid: GridUnderTest, desk: Path) -> None:
    port = int(shared_grid.api_url.rsplit(":", 1)[1])
    (desk / "look.py").write_text(
        "import os, socket\n"
        "print(sorted(k for k in os.environ if k.startswith('SECRET') or k == 'GIVEN'), os.environ['GIVEN'])\n"
        f"try:\n    socket.create_connection(('127.0.0.1', {port}), 2); print('connected')\n"
        "except OSError as e:\n    print('no network')\n"
    )
    done = run(shared_grid, desk, "look.py", "--env", "GIVEN=yes", env={**shared_grid.env, "SECRET_TOKEN": "s3cret"})
    assert done.stdout == "['GIVEN'] yes\nno network\n"


def test_names_of_all_kinds_go_there_and_come_back(shared_grid: GridUnderTest, desk: Path) -> None:
    names = ["ünïcode.txt", "with space.txt", "new\nline.txt", "-dash.txt", "日本/深い/ファイル", "empty"]
    for name in names:
        path = desk / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty" else name)
    (desk / "copy.py").write_text("import shutil\nshutil.copytree('in', 'out')\n")
    done = run(shared_grid, desk, "copy.py", "--input", "in", "-o", "back")
    assert done.returncode == 0, done.stderr
    back = {path.relative_to(desk / "back/out").as_posix() for path in (desk / "back/out").rglob("*") if path.is_file()}
    assert back == set(names)
    assert (desk / "back/out/new\nline.txt").read_text() == "new\nline.txt"


def test_links_and_pipes_in_the_working_directory_are_refused_and_named(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "links.py").write_text(
        "import os\nos.symlink('/etc/passwd', 'stolen')\nos.mkfifo('pipe')\nopen('good.txt', 'w').write('ok')\n"
    )
    done = run(shared_grid, desk, "links.py", "-o", "got")
    assert done.returncode == 0
    assert [path.name for path in (desk / "got").iterdir()] == ["good.txt"]
    assert "stolen" in done.stderr and "pipe" in done.stderr
    assert {each["path"] for each in doc_of_last(shared_grid)["outputs_refused"]} == {"stolen", "pipe"}


def test_cancel_a_running_one_means_dead(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "sleeps_for_cancel_9a1.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    started = run(shared_grid, desk, "sleeps_for_cancel_9a1.py", "--detach", "--json")
    id = json.loads(started.stdout.splitlines()[-1])["id"]
    follower = subprocess.Popen(
        [*_rgrid(shared_grid), "logs", "-f", id], env=shared_grid.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert follower.stdout is not None and follower.stdout.readline() == b"up\n"
    cancelled = shared_grid.rgrid("cancel", id)
    assert cancelled.returncode == 0, cancelled.stderr
    assert follower.wait(60) == 130
    assert shared_grid.rgrid("wait", id).returncode == 130
    left = subprocess.run(["pgrep", "-f", "sleeps_for_cancel_9a1.py"], capture_output=True, text=True)
    assert left.stdout == ""
    assert story_of(shared_grid, id)[-3:-1] == ["execution.cancel_requested", "execution.finished"]


def _rgrid(grid: GridUnderTest) -> list[str]:
    import sys

    return [str(Path(sys.executable).with_name("rgrid"))]
