"""The client of an S3-compatible store: how it is reached, and what its failures mean in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import HTTPError

from domain.errors import NotFound, RgridError, Unavailable

CONNECTIONS = 32
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0
AGAIN = (429, 500, 502, 503, 504)
GONE = ("NoSuchKey", "NoSuchObject", "NotFound", "NoSuchUpload")
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "RequestTimeTooSkewed")


class StoreRefused(RgridError):
    """The S3 store does not let us in: only the settings can mend that."""

    code = "STORE_FAILED"


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the blobs lie. `endpoint`: http(s)://host[:port]; `prefix` ends with / or is empty."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str
    prefix: str = ""

    def client(self) -> Minio:
        """A client that tries again by itself when the store is busy for a moment."""
        again = urllib3.Retry(
            total=3, backoff_factor=0.2, status_forcelist=AGAIN, raise_on_status=False, redirect=False
        )
        patience = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
        pool = urllib3.PoolManager(maxsize=CONNECTIONS, timeout=patience, retries=again)
        where = urlsplit(self.endpoint)
        secure = where.scheme == "https"
        return Minio(
            where.netloc, self.access_key, self.secret_key, secure=secure, region=self.region, http_client=pool
        )


def ready(place: S3Place) -> None:
    """See that the bucket is there, or make it. Raises StoreRefused, Unavailable."""
    client = place.client()
    with translated(place):
        if not client.bucket_exists(place.bucket):
            client.make_bucket(place.bucket, location=place.region)


@contextmanager
def translated(place: S3Place, sha256: str = "") -> Iterator[None]:
    """Raise NotFound, StoreRefused or Unavailable for what the client raises."""
    try:
        yield
    except S3Error as error:
        if error.code in GONE:
            raise NotFound(f"There is no blob {sha256}.", details={"sha256": sha256}) from error
        if error.code in REFUSED:
            message = (
                f"The S3 store at {place.endpoint} refuses us: {error.code}, {error.message} (bucket {place.bucket})."
            )
            raise StoreRefused(message) from error
        raise Unavailable(f"The S3 store answers {error.code}: {error.message}") from error
    except InvalidResponseError as error:
        raise Unavailable(f"What answers at {place.endpoint} is no S3 store just now: {str(error)[:200]}") from error
    except (MinioException, HTTPError, OSError) as error:
        raise Unavailable(f"The S3 store at {place.endpoint} does not answer: {type(error).__name__}") from error
