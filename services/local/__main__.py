"""`python -m services.local up|down|status|doctor`: the embedded grid from the command line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from domain.errors import RgridError
from services.local.home import home_from
from services.local.problem import as_problem, from_os_error
from services.local.speak import complain


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except RgridError as error:
        complain(as_problem(error))
    except OSError as error:
        complain(from_os_error(error, home_from(os.environ).root))
    except KeyboardInterrupt:
        return 130
    return 1


def _run(options: argparse.Namespace) -> int:
    """Each verb is imported when it is asked for: `down` needs nothing of `up`."""
    if options.verb in ("up", "down"):
        return _as_json(options) if options.json else _up_or_down(options)
    if options.verb == "status":
        from services.local.status import status

        return status(options.json)
    from services.local.doctor import doctor

    return doctor(options.json)


def _up_or_down(options: argparse.Namespace) -> int:
    if options.verb == "up":
        from services.local.up import up

        return up(options.detach, options.notify)
    from services.local.down import down

    return down()


def _as_json(options: argparse.Namespace) -> int:
    """The words go to stderr; stdout gets one object, how the grid stands afterwards."""
    from services.local.status import status

    with contextlib.redirect_stdout(sys.stderr):
        code = _up_or_down(options)
    status(True)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.local", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start the grid and keep it running")
    up.add_argument("-d", "--detach", action="store_true", help="behind the terminal; returns when it is ready")
    up.add_argument("--notify", type=int, help=argparse.SUPPRESS)
    parsers = [up, verbs.add_parser("down", help="stop the grid")]
    parsers += [verbs.add_parser("status", help="what runs"), verbs.add_parser("doctor", help="check this set-up")]
    for each in parsers:
        each.add_argument("--json", action="store_true", help="one object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
