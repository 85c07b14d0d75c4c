"""Images: what is in them, by their own word; people's own ones; and why one cannot be used."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import ImageRefused, Spec, StartFailed
from services.runner.sandbox.docker.engine import NoEngine, socket_of
from services.runner.sandbox.docker.image import Image, Kept, answered, unasked
from services.runner.sandbox.docker.names import REFERENCE
from services.runner.sandbox.docker.refused import not_pulled
from tests.fixtures.docker import PYTHON_IMAGE, docker, image_id
from tests.services.runner.boxes import finish
from tests.services.runner.docker.conftest import Open, Opened

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def own_image(needs_docker: None) -> Iterator[str]:
    """A person's own image, in which things are as they should not be."""
    name = f"rgrid-tests-own-{os.getpid()}"
    text = f"FROM {PYTHON_IMAGE}\nENV MINE=yes PATH=/opt/own/bin:/usr/bin:/bin\nVOLUME /data\nUSER root\n"
    text += 'WORKDIR /elsewhere\nENTRYPOINT ["/bin/false"]\nHEALTHCHECK CMD /bin/false\n'
    build = {"input": text, "text": True, "check": True, "capture_output": True}
    subprocess.run(["docker", "build", "-q", "-t", name, "-"], env={**os.environ, "DOCKER_BUILDKIT": "0"}, **build)  # type: ignore[call-overload]
    yield name
    docker("image", "rm", "-f", name)


@pytest.fixture
def empty_image(needs_docker: None) -> Iterator[str]:
    """An image with nothing in it that could run."""
    name, data = f"rgrid-tests-empty-{os.getpid()}", io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"))
    subprocess.run(["docker", "import", "-", name], input=data.getvalue(), check=True, capture_output=True)
    yield name
    docker("image", "rm", "-f", name)


@pytest.fixture
def endless_image(empty_image: str) -> Iterator[str]:
    """An image that declares all of itself a volume."""
    name = f"rgrid-tests-volume-{os.getpid()}"
    text = {"input": f"FROM {empty_image}\nVOLUME /\n", "text": True, "check": True, "capture_output": True}
    subprocess.run(["docker", "build", "-q", "-t", name, "-"], env={**os.environ, "DOCKER_BUILDKIT": "0"}, **text)  # type: ignore[call-overload]
    yield name
    docker("image", "rm", "-f", name)


def test_volumes_lie_where_nothing_of_ours_does() -> None:
    declared = {each: {} for each in ("//work", "/run/./x", "/workspace/", "/data", "/data/", "/a/../tmp")}
    found = unasked({"Id": DIGEST, "Config": {"Volumes": declared}})
    assert found.volumes == ("/data", "/workspace")


@pytest.mark.parametrize("volume", ["/", "//", "/a/..", "data", ""])
def test_a_volume_that_no_container_can_have_is_refused(volume: str) -> None:
    with pytest.raises(StartFailed, match="it declares the volume"):
        unasked({"Id": DIGEST, "Config": {"Volumes": {volume: {}}}})


async def test_an_image_with_such_a_volume_is_unfit(containers: Opened, endless_image: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        await containers.sandbox.interpreters_in(endless_image)
    assert refused.value.code == "IMAGE_UNFIT"


async def test_interpreters_come_from_the_images_and_name_them(containers: Opened) -> None:
    python = next(each for each in containers.sandbox.interpreters if each.runtime == "python")
    short = image_id().removeprefix("sha256:")[:12]
    assert python.target == f"cpython-{python.version}-linux-{os.uname().machine}-image-{short}"
    assert python.image == image_id()
    said = await containers.boxes.run("import platform; print(platform.python_version())")
    assert said.stdout == python.version + "\n"


async def test_an_image_is_asked_once(open_containers: Open, tmp_path: Path) -> None:
    await open_containers(fresh=True)
    kept = tmp_path / "images" / f"{image_id().removeprefix('sha256:')}.json"
    kept.write_text(kept.read_text().replace("/usr/bin/node", "/usr/bin/nowhere"))
    again = await open_containers(fresh=True)
    assert "/usr/bin/nowhere" in [each.program for each in again.sandbox.interpreters]
    kept.write_text("not json")
    once_more = await open_containers(fresh=True)
    assert "/usr/bin/nowhere" not in [each.program for each in once_more.sandbox.interpreters]


async def test_a_persons_own_image_runs_under_our_terms(containers: Opened, own_image: str) -> None:
    found = await containers.sandbox.interpreters_in(own_image)
    python = next(each for each in found if each.runtime == "python")
    assert python.image not in ("", image_id())
    code = """
import os
print(os.environ["MINE"], os.environ["PATH"], os.getcwd(), os.getuid() != 0)
open("/data/x", "w")
print([line.split()[0] for line in open("/proc/mounts") if " /data " in line])
"""
    work = containers.boxes.folder / "own"
    work.mkdir()
    spec = Spec("own", (python.program, "-c", code), work, work, image=python.image, base_env={"PATH": "/usr/bin"})
    outcome = await finish(await containers.sandbox.start(spec))
    assert outcome.stdout == "yes /opt/own/bin:/usr/bin:/bin /work True\n['tmpfs']\n", outcome.stderr


async def test_an_image_in_which_nothing_runs_is_refused(containers: Opened, empty_image: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        await containers.sandbox.interpreters_in(empty_image)
    assert (refused.value.code, refused.value.final) == ("IMAGE_UNFIT", True)


async def test_an_image_that_is_not_there(open_containers: Open) -> None:
    name = "rgrid-tests-nowhere.invalid/image:1"
    with pytest.raises(ImageRefused) as refused:
        await (await open_containers(pulls=False)).sandbox.interpreters_in(name)
    assert refused.value.code == "IMAGE_NOT_FOUND" and f"docker pull {name}" in refused.value.hint
    with pytest.raises(ImageRefused) as refused:
        await (await open_containers()).sandbox.interpreters_in(name)
    assert refused.value.code == "IMAGE_UNREACHABLE" and f"docker pull {name}" in refused.value.hint


@pytest.mark.parametrize("name", ["No Such Image", "../containers/x", "a?b=c", "", "a/../b", "x" * 300 + "%2e"])
async def test_a_name_that_cannot_be_one(containers: Opened, name: str) -> None:
    with pytest.raises(ImageRefused) as refused:
        await containers.sandbox.interpreters_in(name)
    assert refused.value.code == "IMAGE_NOT_FOUND"


async def test_images_that_settings_name_must_be_there(open_containers: Open) -> None:
    with pytest.raises(NoEngine, match=r"rgrid/python:0\.1.*make images"):
        await open_containers(images=("rgrid/python:0.1",))


@pytest.mark.parametrize(
    "name",
    ["python:3.12-slim", "sha256:" + "a" * 64, "host.example.org:5000/team/im_age:1.2@sha256:" + "b" * 64, "UPPER/x"],
)
def test_names_as_people_have_them(name: str) -> None:
    assert REFERENCE.fullmatch(name)


async def test_a_runtime_that_the_engine_does_not_know(open_containers: Open) -> None:
    with pytest.raises(NoEngine, match=r"no runtime nonesuch \(RGRID_DOCKER_RUNTIME\); it has: .*runc"):
        await open_containers(runtime="nonesuch")


def test_an_engine_must_be_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="must be on this machine"):
        socket_of({"DOCKER_HOST": "tcp://10.0.0.1:2375"})
    with pytest.raises(NoEngine, match=f"no Docker engine answers at unix://{tmp_path}/sock; start it"):
        socket_of({"DOCKER_HOST": f"unix://{tmp_path}/sock"})


def test_an_image_is_believed_only_as_far_as_it_makes_sense() -> None:
    said = "\n".join([
        "python cpython 3.10.1 /usr/bin/python3.10",
        "python cpython 3.12.1 /usr/bin/python3.12",
        "node v8 v20.1.0 relative/node",
        "node v8 vTWENTY /usr/bin/node",
        "node",
        "nonsense " * 50,
        "node v8 v20.1.0 /usr/local/bin/node",
    ])  # fmt: skip
    found = answered(Image(DIGEST), said, "x86_64", shell=True)
    # the first Python that answers begins scripts, also one that is too old to run them
    assert found.python == "/usr/bin/python3.10"
    assert [(each.runtime, each.program) for each in found.interpreters] == [
        ("node", "/usr/local/bin/node"),
        ("sh", "/bin/sh"),
    ]
    assert found.interpreters[0].target == "node-20-linux-x86_64-image-abababababab"


def test_what_was_learned_is_kept_and_what_is_damaged_is_not_believed(tmp_path: Path) -> None:
    kept, program = Kept(tmp_path / "images"), Interpreter("sh", "", "/bin/sh", image=DIGEST)
    image = Image(DIGEST, "/bin/sh", "", "/bin", ("/data",), (program,))
    assert kept.get(DIGEST) is None
    kept.put(image)
    assert kept.get(DIGEST) == image
    next((tmp_path / "images").iterdir()).write_text('{"id": 3}')
    assert kept.get(DIGEST) is None


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (404, "manifest for x:1 not found: manifest unknown", "IMAGE_NOT_FOUND"),
        (404, "pull access denied for x, repository does not exist", "IMAGE_NOT_FOUND"),
        (500, 'Get "https://registry/v2/": dial tcp: lookup registry: no such host', "IMAGE_UNREACHABLE"),
        (500, "net/http: request canceled while waiting for connection", "IMAGE_UNREACHABLE"),
        (500, "unauthorized: authentication required", "IMAGE_NOT_FOUND"),
    ],
)
def test_a_registry_that_has_it_not_is_told_from_one_that_does_not_answer(status: int, words: str, code: str) -> None:
    from aiodocker.exceptions import DockerError

    assert not_pulled("x:1", DockerError(status, words)).code == code


async def test_variables_that_no_shell_can_set_need_python() -> None:
    from services.runner.sandbox.docker.entry import NoEntry, entry

    assert entry("/bin/sh", "", {"PLAIN": "1"})[0] == "/bin/sh"
    assert entry("/bin/sh", "/usr/bin/python3", {"with-dash": "1"})[0] == "/usr/bin/python3"
    for odd in ("with-dash", "UID", "1X"):
        with pytest.raises(NoEntry, match=odd):
            entry("/bin/sh", "", {odd: "1"})
    with pytest.raises(NoEntry, match="neither a shell"):
        entry("", "", {})


async def test_an_engine_that_is_not_there_is_no_reason_to_hang(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from domain.errors import Unavailable
    from services.runner.interpreters import interpreters
    from services.runner.sandbox.choose import choose

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unavailable, match="RGRID_SANDBOX demands docker: no Docker engine answers at"):
        await choose("docker", tmp_path, None, interpreters())
