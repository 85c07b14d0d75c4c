"""What the folder store does beside the protocol: sweep, and stand a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.artifacts.local import PART_SECONDS_MAX
from services.artifacts.store import DAMAGED_SECONDS, BlobDamaged
from tests.services.artifacts.client import ACCOUNT, Client, sha

DATA = os.urandom(1_500_000)


async def test_parts_are_swept_after_a_day(client: Client) -> None:
    client.patch(client.put_url(DATA), 0, DATA[:1000])
    assert await client.store.sweep_parts() == 0
    assert await client.store.sweep_parts(now=time.time() + PART_SECONDS_MAX + 60) == 1
    assert client.files() == []
    assert client.offset(client.put_url(DATA)) == 0
    assert client.patch(client.put_url(DATA), 0, DATA).status == 200


async def test_a_damaged_blob_is_not_read_to_its_end(client: Client) -> None:
    client.put(DATA)
    path = client.store.folder / client.files()[0]
    path.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    got = 0
    with pytest.raises(BlobDamaged):
        async for piece in client.store.open(ACCOUNT, sha(DATA)):
            got += len(piece)
    assert got < len(DATA)
    assert client.files() == [f"local/{sha(DATA)[:2]}/{sha(DATA)}.damaged"]


async def test_what_was_set_aside_as_damaged_goes_after_a_week(client: Client) -> None:
    client.put(DATA)
    path = client.store.folder / client.files()[0]
    path.write_bytes(b"x" + DATA[1:])
    os.utime(path, (0, 0))
    with pytest.raises(BlobDamaged):
        _ = [piece async for piece in client.store.open(ACCOUNT, sha(DATA))]
    assert await client.store.sweep_parts(now=time.time() + DAMAGED_SECONDS - 60) == 0
    assert await client.store.sweep_parts(now=time.time() + DAMAGED_SECONDS + 60) == 1
    assert client.files() == []


def test_files_are_private(client: Client) -> None:
    client.put(DATA)
    path = client.store.folder / client.files()[0]
    assert path.stat().st_mode & 0o777 == 0o600


def small_disk_works() -> bool:
    try:
        return (
            subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode
            == 0
        )
    except FileNotFoundError:
        return False


@pytest.mark.skipif(
    not small_disk_works(), reason="needs user namespaces for a small disk: sysctl kernel.unprivileged_userns_clone=1"
)
def test_a_full_disk_is_said_and_heals(tmp_path: Path) -> None:
    """The store lives on a disk of 2 MB of its own, in a process of its own."""
    root = Path(__file__).parents[3]
    mounted = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -m tests.services.artifacts.small_disk "$1"'
    command = ["unshare", "-rm", "sh", "-c", mounted, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["507", "DISK_FULL", "30", "[]", "507", "DISK_FULL", "[]", "201"]
