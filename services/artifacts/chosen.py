"""The store that the settings name: S3 when RGRID_S3_ENDPOINT is given, a folder otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.errors import Invalid
from services.artifacts.door import Door
from services.artifacts.local import LocalStore
from services.artifacts.local_door import LocalDoor
from services.artifacts.signing import Signer
from services.artifacts.store import ArtifactStore
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.artifacts.s3_client import S3Place

NEEDED = ("s3_bucket", "s3_access_key", "s3_secret_key")


def store_of(settings: Settings) -> ArtifactStore:
    """The store, with the key that signs its URLs. Raises Invalid when half of what S3 needs is missing."""
    signer = Signer(bytes.fromhex(settings.url_key), settings.base_url)
    if not settings.s3_endpoint:
        return LocalStore(settings.artifacts_folder, signer)
    from services.artifacts.s3 import S3Store  # the client is a large import, which a folder does not need

    return S3Store(place_of(settings), signer)


def place_of(settings: Settings) -> S3Place:
    """The S3Place of the settings. Raises Invalid."""
    from services.artifacts.s3_client import S3Place

    for name in NEEDED:
        if not getattr(settings, name):
            raise Invalid(f"RGRID_S3_ENDPOINT is set, RGRID_{name.upper()} is not: S3 needs both.")
    prefix = f"{settings.s3_prefix.strip('/')}/" if settings.s3_prefix.strip("/") else ""
    return S3Place(
        settings.s3_endpoint,
        settings.s3_bucket,
        settings.s3_access_key,
        settings.s3_secret_key,
        settings.s3_region,
        prefix,
    )


def door_of(store: ArtifactStore) -> Door:
    """The blob door in front of `store`."""
    if isinstance(store, LocalStore):
        return LocalDoor(store)
    from services.artifacts.s3 import S3Store
    from services.artifacts.s3_door import S3Door

    assert isinstance(store, S3Store)
    return S3Door(store)
