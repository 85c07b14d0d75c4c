"""Our Postgres launcher: as root and as an ordinary user, after every kind of unclean end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.local.external_postgres import check_postgres
from services.local.postgres import Cluster, launch_postgres, prepare_cluster, wait_for_postgres
from services.local.postgres_binaries import Binaries, candidates, find_binaries, readable_for
from services.local.postgres_stale import clear_stale
from services.local.postgres_user import SOCKET_PATH_MAX, place_for, socket_folder, unprivileged
from services.local.problem import Problem
from tests.fixtures.needs import requires
from tests.fixtures.ordinary_user import OrdinaryUser


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rgrid-t-")) / "home"
    folder.mkdir(mode=0o700)
    yield folder
    if (folder / "pg").is_symlink():
        shutil.rmtree((folder / "pg").resolve())
    shutil.rmtree(folder.parent)


@contextmanager
def running(cluster: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    server = launch_postgres(cluster)
    try:
        wait_for_postgres(cluster, server)
        yield server
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def query(cluster: Cluster, sql: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [cluster.binaries.folder / "psql", "-XAtc", sql, cluster.dsn]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **more)  # type: ignore[call-overload,no-any-return]


def test_made_started_stopped_and_started_again(home: Path) -> None:
    cluster = prepare_cluster(home)
    with running(cluster):
        assert query(cluster, "create table t (n int); insert into t values (7); select n from t").stdout.endswith(
            "7\n"
        )
        assert check_postgres(cluster.dsn)
    again = prepare_cluster(home)
    assert again.notes == ()
    with running(again):
        assert query(again, "select n from t").stdout == "7\n"


def test_committed_rows_survive_kill_9(home: Path) -> None:
    cluster = prepare_cluster(home)
    with running(cluster) as server:
        query(cluster, "set synchronous_commit = on; create table t (n int); insert into t values (7)")
        server.kill()
        server.wait()
    clear_stale(cluster.place.data)
    with running(cluster):
        assert query(cluster, "select n from t").stdout == "7\n"


def test_nobody_else_on_the_machine_gets_in(home: Path) -> None:
    cluster = prepare_cluster(home)
    with running(cluster):
        assert cluster.place.sockets.stat().st_mode & 0o077 == 0
        if cluster.place.user is not None:  # the user that Postgres runs as reaches the socket, and is refused by name
            user = cluster.place.user
            refused = query(cluster, "select 1", user=user.pw_uid, group=user.pw_gid, extra_groups=[])
            assert "Peer authentication failed" in refused.stderr


def test_a_half_made_folder_is_set_aside_in_words(home: Path) -> None:
    place = place_for(home)
    place.data.mkdir()
    (place.data / "PG_VERSION").write_text("18\n")
    cluster = prepare_cluster(home)
    assert "half made" in cluster.notes[0]
    with running(cluster):
        assert query(cluster, "select 1").stdout == "1\n"


def test_an_initdb_killed_midway_leaves_nothing_half_made(home: Path) -> None:
    place = place_for(home)
    leftover = place.room / "data.new-1"
    leftover.mkdir()
    (leftover / "PG_VERSION").write_text("18\n")
    cluster = prepare_cluster(home)
    assert cluster.notes == ()
    assert not leftover.exists()
    assert (cluster.place.data / "global" / "pg_control").exists()


def test_a_pid_file_whose_pid_another_program_got_is_removed_in_words(home: Path) -> None:
    cluster = prepare_cluster(home)
    user = cluster.place.user
    other = subprocess.Popen(["sleep", "100"], **({"user": user.pw_uid} if user else {}))
    try:
        (cluster.place.data / "postmaster.pid").write_text(f"{other.pid}\n{cluster.place.data}\n1\n5432\n")
        assert "another program" in clear_stale(cluster.place.data)[0]
        with running(cluster):
            assert query(cluster, "select 1").stdout == "1\n"
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_orphaned_server_of_this_folder_is_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.local.postgres_stale.PATIENCE_SECONDS", 0.5)
    cluster = prepare_cluster(home)
    server = launch_postgres(cluster)
    wait_for_postgres(cluster, server)
    assert "orphaned" in clear_stale(cluster.place.data)[0]
    server.wait()


def test_data_of_another_major_takes_its_binaries_or_says_so(home: Path) -> None:
    majors = sorted({each.major for each in candidates()})
    assert find_binaries(majors[0]).major == majors[0]
    cluster = prepare_cluster(home)
    (cluster.place.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(Problem, match="made by Postgres 12") as caught:
        prepare_cluster(home)
    assert "mv " in caught.value.fix


@requires("root")
def test_as_root_it_drops_to_another_user_and_opens_no_folder_of_ours(home: Path) -> None:
    parents = {each: each.stat().st_mode for each in (home, *home.parents)}
    cluster = prepare_cluster(home)
    with running(cluster) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == unprivileged().pw_uid != 0
    assert parents == {each: each.stat().st_mode for each in parents}
    assert (home / "pg").resolve() == cluster.place.room
    assert (cluster.place.room / "home").read_text().strip() == str(home.resolve())


@requires("root")
def test_a_copied_home_gets_a_room_of_its_own_and_a_moved_one_keeps_its(home: Path) -> None:
    room = place_for(home).room
    copy = home.with_name("copy")
    shutil.copytree(home, copy, symlinks=True)
    other = place_for(copy).room
    assert other != room and (copy / "pg").resolve() == other
    moved = home.with_name("moved")
    home.rename(moved)
    assert place_for(moved).room == room
    shutil.rmtree(copy)
    moved.rename(home)
    assert place_for(home).room == room
    assert not other.exists()


@requires("root")
def test_binaries_below_a_private_folder_are_copied_once(home: Path) -> None:
    user = unprivileged()
    found = find_binaries()
    package = found.folder.parent.parent
    private = home / "venv" / package.name / found.folder.parent.name / "bin"
    shutil.copytree(found.folder.parent, private.parent, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / "venv" / libraries.name)
    copies = Path(tempfile.mkdtemp(prefix="rgrid-t-"))
    copies.chmod(0o755)
    try:
        usable = readable_for(Binaries(private, found.major, found.version), user, copies)
        assert usable.folder.is_relative_to(copies)
        subprocess.run([usable.folder / "initdb", "--version"], check=True, user=user.pw_uid, cwd="/")
        assert readable_for(Binaries(private, found.major, found.version), user, copies) == usable
        assert len(list(copies.iterdir())) == 1
    finally:
        shutil.rmtree(copies)


AS_ORDINARY_USER = """
import signal, sys
from pathlib import Path
from services.local.postgres import prepare_cluster, launch_postgres, wait_for_postgres
cluster = prepare_cluster(Path(sys.argv[1]))
server = launch_postgres(cluster)
wait_for_postgres(cluster, server)
print(cluster.place.data)
server.send_signal(signal.SIGINT)
sys.exit(server.wait())
"""


@requires("ordinary-user")
def test_as_an_ordinary_user_everything_is_in_the_home(ordinary: OrdinaryUser) -> None:
    done = ordinary.python("-c", AS_ORDINARY_USER, str(ordinary.home))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(ordinary.home / "pg" / "data")


def test_a_socket_path_too_long_for_the_kernel_moves_to_a_short_folder(tmp_path: Path) -> None:
    short = socket_folder(tmp_path / "run", tmp_path)
    long_home = tmp_path / ("x" * SOCKET_PATH_MAX)
    moved = socket_folder(long_home / "run", long_home)
    assert short == tmp_path / "run"
    assert len(str(moved / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX
    assert moved.stat().st_mode & 0o777 == 0o700
    moved.rmdir()
