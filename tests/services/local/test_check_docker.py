"""What `doctor` says of the Docker engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.local.check_docker import containers
from services.runtime.settings import load
from tests.fixtures.needs import requires

DEMANDED = {"RGRID_SANDBOX": "docker"}


def test_where_nobody_asks_and_nobody_is_there_it_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    assert list(containers(load({}))) == []


def test_an_engine_that_is_demanded_and_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    (check,) = containers(load(DEMANDED))
    assert check.state == "fail" and f"unix://{tmp_path}/none" in check.message and "docker.io" in check.fix


@requires("docker")
def test_an_engine_that_has_what_it_takes() -> None:
    (check,) = containers(load(DEMANDED))
    assert check.state == "ok" and "images are there" in check.message


@requires("docker")
def test_images_that_are_named_and_missing() -> None:
    (check,) = containers(load({**DEMANDED, "RGRID_DOCKER_IMAGES": "rgrid/python:3.11,nowhere:1"}))
    assert check.state == "fail" and check.message.endswith("no image nowhere:1") and "make images" in check.fix
