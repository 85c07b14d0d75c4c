"""Where an interpreter becomes a zygote: just before it would run a script, when all else of its start is done.

Python imports this at the end of its start. In the zygote that import never returns; in each of its forks it does, and the
interpreter goes on to run a script as it always does.
"""

import os as _os
import sys as _sys


def _begin() -> None:
    _sys.path.remove("/tmp/zygote")
    control, settings = (int(part) for part in _os.environ.pop("RGRID_ZYGOTE").split(","))
    before = set(_sys.modules)
    own = _sys.modules.pop("sitecustomize")
    _sys.path.insert(0, "/tmp/zygote")
    from services.runner.warm.inside.serving import serve

    _sys.path.remove("/tmp/zygote")
    try:
        import sitecustomize  # noqa: F401 (the environment's own, if it has one)
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    _sys.modules.setdefault("sitecustomize", own)
    for path in [path for path in _sys.path_importer_cache if path.startswith("/tmp/zygote")]:
        del _sys.path_importer_cache[path]
    serve(control, settings, before)
    if _sys.modules["sitecustomize"] is own:
        del _sys.modules["sitecustomize"]
        raise ModuleNotFoundError("No module named 'sitecustomize'", name="sitecustomize")


_begin()
