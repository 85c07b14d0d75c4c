"""Opens the account `local` and issues its first key: through the log, like everything else that happens.

A process of its own that ends: the supervisor needs neither NATS nor asyncio in its memory afterwards.
`python -m services.local.bootstrap` reads the key from RGRID_API_KEY; repeating it adds nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys

from domain.account.commands import IssueKey, OpenAccount
from domain.errors import RgridError
from services.runtime import settings as runtime_settings
from services.runtime.connection import connect
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.keys import parse, secret_sha256
from services.runtime.log import Ref
from services.runtime.settings import Settings
from services.runtime.streams import apply_streams

ACCOUNT = "local"
ACTOR = "service:bootstrap"
PATIENCE_SECONDS = 30.0


async def bootstrap(settings: Settings) -> None:
    """Open the account and issue the key of `settings.api_key`. Raises RgridError."""
    key_id, secret = parse(settings.api_key)
    bus = await connect(settings, name="bootstrap")
    try:
        await apply_streams(bus)
        handler = Handler(JetStreamLog(bus))
        ref = Ref(ACCOUNT, "account", ACCOUNT)
        await handler.handle(ref, OpenAccount("Local grid"), command_id=f"open.{ACCOUNT}", actor=ACTOR)
        issue = IssueKey(key_id, secret_sha256(secret), "rgrid up")
        await handler.handle(ref, issue, command_id=f"issue.{key_id}", actor=ACTOR)
    finally:
        await bus.close()


def main() -> int:
    try:
        settings = runtime_settings.load(os.environ)
        asyncio.run(asyncio.wait_for(bootstrap(settings), PATIENCE_SECONDS))
    except (RgridError, TimeoutError) as error:
        print(f"The first key could not be issued: {error or 'no answer in time'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
