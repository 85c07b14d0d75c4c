"""A person's virtual environment, written by hand: what is installed is files."""

import json
from pathlib import Path


class Env:
    """Below `prefix`, made the active one."""

    def __init__(self, prefix: Path, monkeypatch) -> None:
        self.site = prefix / "lib/python3.11/site-packages"
        self.site.mkdir(parents=True)
        monkeypatch.setenv("VIRTUAL_ENV", str(prefix))

    def add(self, name, version, *files, requires=(), url="", top="") -> "Env":
        """A package with these files, linked to `url` if given."""
        info = self.site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        for file in files:
            path = self.site / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (info / "RECORD").write_text("".join(f"{file},sha256=x,0\n" for file in (*files, f"{info.name}/METADATA")))
        lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}\ntext\n")
        if url:
            (info / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))
        if top:
            (info / "top_level.txt").write_text(top + "\n")
        return self
