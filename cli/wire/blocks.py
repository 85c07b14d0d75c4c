"""A big file to the blob door in blocks, from where the door stands, as zstd frames where that makes it smaller."""

from __future__ import annotations

from . import door
from .blob import Blob, changed
from .patience import Patience, Stopped

BLOCK_BYTES = 8 << 20
SAMPLE_BYTES = 1 << 20
WORTH_IT = 0.9


def in_blocks(patience: Patience, blob: Blob, url: str) -> door.Answer:
    """PATCH from where the door stands; the last answer, which is an error or says that all is stored."""
    answer = status, _, headers = door.finished("HEAD", url)
    if headers.get("blob-complete") == "1" or (status >= 400 and status != 404):
        return answer
    offset = int(headers.get("upload-offset", "0")) if status in (200, 204) else 0
    squeeze = worthwhile(blob)
    while offset < blob.size_bytes:
        if patience.stop.is_set():
            raise Stopped
        raw = blob.piece(offset, BLOCK_BYTES)
        if not raw and blob.path:
            raise changed(blob.path)
        sent = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        sent |= {"Content-Encoding": "zstd"} if squeeze else {}
        answer = status, _, headers = door.finished("PATCH", url, frame(raw) if squeeze else raw, sent)
        if status >= 300:
            return answer
        offset = int(headers.get("upload-offset", offset + len(raw)))
        patience.progress()
    return answer


def worthwhile(blob: Blob) -> bool:
    """Whether zstd makes the beginning smaller than WORTH_IT of itself; the same answer when an upload is resumed."""
    sample = blob.piece(0, SAMPLE_BYTES)
    return len(frame(sample)) < WORTH_IT * len(sample)


def frame(raw: bytes) -> bytes:
    """One whole zstd frame."""
    import zstandard

    return zstandard.ZstdCompressor(level=3).compress(raw)
