"""uv, of the package of that name: where it is, and what it hears of this machine's settings."""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from services.runner.environments.failures import Unbuilt
from services.runner.environments.tool import surroundings

PASSED_ON = (
    "UV_DEFAULT_INDEX",
    "UV_FIND_LINKS",
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_NO_INDEX",
    "UV_OFFLINE",
)
PASSED_ON_MORE = ("UV_CONFIG_FILE", "UV_NO_CONFIG", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_NO_PROGRESS")
PREFIXES = ("UV_INDEX", "UV_EXTRA_INDEX", "UV_HTTP_", "UV_REQUEST_", "UV_CONCURRENT_", "UV_LOCK_")
PIP = {
    "PIP_INDEX_URL": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "PIP_FIND_LINKS": ("UV_FIND_LINKS",),
    "PIP_NO_INDEX": ("UV_NO_INDEX",),
    "PIP_CERT": ("SSL_CERT_FILE",),
}
"""Where only pip was told of an index, uv hears of it."""
PLACES = ("UV_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")

SECRET = ("_USERNAME", "_PASSWORD")
USERINFO = re.compile(r"((?:^|(?<=[\s,=]))[A-Za-z][A-Za-z0-9+.-]*://)[^/\s,]*@")


def find_uv() -> Path:
    """The packaged binary; never the first one on PATH. Raises Unbuilt when there is none."""
    found = shutil.which("uv", path=sysconfig.get_path("scripts")) or _from_record()
    if found is None:
        raise Unbuilt("the package uv is missing on the node; install it: python -m pip install uv")
    return Path(found)


def _from_record() -> str | None:
    """Where `pip install --user` or `--target` put the scripts."""
    try:
        files = metadata.files("uv") or []
    except metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.name == "uv" and file.parent.name == "bin"]
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def uv_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of this process that concern uv; nothing of them is kept anywhere."""
    found = surroundings(environ, (*PASSED_ON, *PASSED_ON_MORE), PREFIXES)
    for pip, names in PIP.items():
        if environ.get(pip) and not any(name in found for name in names):
            text = environ[pip]
            found[names[0]] = ",".join(_existing(text.split())) if pip == "PIP_FIND_LINKS" else text
    return {
        **{name: text for name, text in found.items() if text},
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }


def without_credentials(env: Mapping[str, str]) -> dict[str, str]:
    """For where others' code can read it: no names and passwords of indexes or proxies, be they in variables or in links."""
    found = {name: text for name, text in env.items() if not name.endswith(SECRET) and name != "NETRC"}
    return {name: USERINFO.sub(r"\1", text) for name, text in found.items()}


def _existing(places: list[str]) -> list[str]:
    """pip overlooks a folder that is not there, uv does not."""
    return [place for place in places if "://" in place or Path(place).is_dir()]


def local_folders(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Folders of this machine that uv is told to find packages in, by what `uv_environment` said."""
    found: set[str] = set()
    for name in PLACES:
        for place in environment.get(name, "").replace(",", " ").split():
            path = place.rpartition("file://")[2]
            if path.startswith("/") and Path(path).is_dir():
                found.add(os.path.normpath(path))
    return tuple(sorted(found))


def config_arguments(environ: Mapping[str, str]) -> list[str]:
    """The settings of this machine or its user, and never those of a project that happens to lie around our folders."""
    if environ.get("UV_CONFIG_FILE") or environ.get("UV_NO_CONFIG"):
        return []
    own = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    for path in (own / "uv" / "uv.toml", Path("/etc/uv/uv.toml")):
        if os.access(path, os.R_OK):
            return ["--config-file", str(path)]
    return ["--no-config"]
