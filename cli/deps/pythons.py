"""Where the packages of the person's Python lie, found without starting it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Active(NamedTuple):
    """The environment that `python` means here: a name for it, and its folders of packages."""

    name: str
    folders: tuple[Path, ...]

    @property
    def minor(self) -> str:
        """`3.12`, as its folders say; empty when they do not."""
        found = [part for folder in self.folders for part in folder.parts if part.startswith("python3.")]
        return found[0].removeprefix("python") if found else ""


def active() -> Active | None:
    """VIRTUAL_ENV, then CONDA_PREFIX, then the python on PATH; None when there is none."""
    for variable, what in (("VIRTUAL_ENV", "virtual environment"), ("CONDA_PREFIX", "conda environment")):
        if prefix := os.environ.get(variable):
            folders = site_folders(Path(prefix))
            if folders:
                return Active(f"the {what} {Path(prefix).name}", folders)
    found = on_path("python3") or on_path("python")
    if not found:
        return None
    program = Path(found)
    if program.parent.name == "shims":
        prefix_of_shim = behind_shim(program.parent.parent)
        folders = site_folders(prefix_of_shim) if prefix_of_shim else ()
    else:
        folders = site_folders(program.parent.parent) or site_folders(Path(os.path.realpath(program)).parent.parent)
    return Active(f"the Python at {found}", folders) if folders else None


def on_path(name: str) -> str | None:
    """The program that a shell would start. As shutil.which, which loads three compressors first."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, name)  # noqa: PTH118
        if folder and os.access(path, os.X_OK) and not os.path.isdir(path):  # noqa: PTH112
            return path
    return None


def site_folders(prefix: Path) -> tuple[Path, ...]:
    """The folders that hold packages below `prefix`, its own first, then those of the Python below it if it lends them."""
    found = [each for lib in ("lib", "lib64") for each in sorted(prefix.glob(f"{lib}/python3*/site-packages"))]
    found += [prefix / "Lib/site-packages"]
    if str(prefix) == "/usr":
        found += [
            *sorted(Path("/usr/local/lib").glob("python3*/dist-packages")),
            Path("/usr/lib/python3/dist-packages"),
        ]
    settings = prefix / "pyvenv.cfg"
    if settings.is_file():
        lines = dict(line.partition("=")[::2] for line in settings.read_text("utf-8", "replace").splitlines())
        said = {key.strip(): value.strip() for key, value in lines.items()}
        if said.get("include-system-site-packages", "").lower() == "true" and said.get("home"):
            found += site_folders(Path(said["home"]).parent)
    distinct = {os.path.realpath(each): each for each in reversed(found) if each.is_dir()}
    return tuple(reversed(distinct.values()))


def behind_shim(root: Path) -> Path | None:
    """The Python that a shim of pyenv stands for: PYENV_VERSION, the nearest .python-version, then the global one."""
    here = Path.cwd()
    files = [*(folder / ".python-version" for folder in (here, *here.parents)), root / "version"]
    names = os.environ.get("PYENV_VERSION", "").split(":")
    for file in files:
        if file.is_file():
            names += file.read_text("utf-8", "replace").split()
    for name in names:
        if name and "/" not in name and (root / "versions" / name).is_dir():
            return root / "versions" / name
    return None
