"""Run by test_local.py in a namespace where the folder in argv is a disk of 2 MB: uploads that do not fit, then one that does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.services.artifacts.conftest import serving


def main(folder: Path) -> None:
    large, small = os.urandom(5_000_000), os.urandom(1_000_000)
    with serving() as address:
        client = address.client(folder)
        answer = client.put(large)
        print(answer.status, answer.error["code"], answer.headers["retry-after"], client.files())
        answer = client.patch(client.put_url(large), 0, large)
        print(answer.status, answer.error["code"], client.files())
        print(client.put(small).status)
        assert client.get(small).body == small


if __name__ == "__main__":
    main(Path(sys.argv[1]))
