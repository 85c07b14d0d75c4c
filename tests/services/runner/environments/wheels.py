"""Packages made on the spot: wheels and source distributions in a folder, where uv finds them by UV_FIND_LINKS."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

BACKEND = """
import os, sys, zipfile
{prologue}
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, text in {files!r}.items():
            wheel.writestr(path, text.replace("@WHO@", f"{{os.getuid()}} {{os.path.exists('/env/uv')}}"))
    return name
def get_requires_for_build_wheel(config_settings=None):
    return []
"""


@dataclass
class Shop:
    """A folder of packages; `lock` pins all of those named."""

    folder: Path
    hashes: dict[str, str] = field(default_factory=dict)

    def wheel(self, name: str, version: str = "1.0", tag: str = "py3-none-any", **files: str) -> str:
        """A wheel with these modules (`a__b` stands for a/b.py), console script `{name}-hello` included; its hash."""
        content = {f"{key.replace('__', '/')}.py": text for key, text in files.items()} or {
            f"{name}.py": "VALUE = 42\n"
        }
        return self.add(f"{name}-{version}-{tag}.whl", _wheel(name, version, tag, content))

    def sdist(self, name: str, version: str = "1.0", prologue: str = "") -> str:
        files = _files(name, version, "py3-none-any", {f"{name}.py": "MADE_BY = '@WHO@'\n"})
        backend = BACKEND.format(name=name, version=version, files=files, prologue=prologue)
        pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        info = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        texts = {"backend.py": backend, "pyproject.toml": pyproject, "PKG-INFO": info}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, text in texts.items():
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        return self.add(f"{name}-{version}.tar.gz", packed.getvalue())

    def add(self, file: str, content: bytes) -> str:
        self.folder.mkdir(exist_ok=True)
        (self.folder / file).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        self.hashes[file.split("-")[0]] = sha256
        return sha256

    def lock(self, *names: str, version: str = "1.0") -> bytes:
        lines = (f"{name}=={version} \\\n    --hash=sha256:{self.hashes.get(name, '0' * 64)}\n" for name in names)
        return "".join(lines).encode()


def _files(name: str, version: str, tag: str, modules: dict[str, str]) -> dict[str, str]:
    info = f"{name}-{version}.dist-info"
    files = dict(modules)
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name}-hello = {name}:hello\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files)
    return files


def _wheel(name: str, version: str, tag: str, modules: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for path, text in _files(name, version, tag, modules).items():
            wheel.writestr(path, text)
    return packed.getvalue()
