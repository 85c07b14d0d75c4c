"""A big file to the blob door in blocks, from where the door stands, as zstd frames where that makes it smaller."""

from __future__ import annotations

from . import door
from .blob import Blob, changed
from .patience import Patience, Stopped
from .progress import Progress

BLOCK_BYTES = 8 << 20
SAMPLE_BYTES = 1 << 20
WORTH_IT = 0.9


class InBlocks:
    """One blob on its way; `counted_bytes` of it are in the progress so far, however often it is begun again."""

    def __init__(self, blob: Blob, patience: Patience, progress: Progress) -> None:
        self.blob, self.patience, self.progress = blob, patience, progress
        self.counted_bytes = 0

    def send(self, url: str) -> door.Answer:
        """PATCH from where the door stands; the last answer, which is an error or says that all is stored."""
        answer = status, _, headers = door.finished("HEAD", url)
        if headers.get("blob-complete") == "1" or (status >= 400 and status != 404):
            return answer
        offset = int(headers.get("upload-offset", "0")) if status in (200, 204) else 0
        self.progress.known(offset - self.counted_bytes)
        self.counted_bytes = offset
        squeeze = worthwhile(self.blob)
        while offset < self.blob.size_bytes:
            answer = status, _, headers = self.block(url, offset, squeeze)
            if status >= 300:
                return answer
            offset = int(headers.get("upload-offset", min(offset + BLOCK_BYTES, self.blob.size_bytes)))
            self.progress.add(offset - self.counted_bytes)
            self.counted_bytes = offset
            self.patience.progress()
        return answer

    def block(self, url: str, offset: int, squeeze: bool) -> door.Answer:
        """One PATCH; raises UsageProblem when the file changed."""
        if self.patience.stop.is_set():
            raise Stopped
        raw = self.blob.piece(offset, BLOCK_BYTES)
        if not raw and self.blob.path:
            raise changed(self.blob.path)
        sent = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        sent |= {"Content-Encoding": "zstd"} if squeeze else {}
        return door.finished("PATCH", url, frame(raw) if squeeze else raw, sent)


def worthwhile(blob: Blob) -> bool:
    """Whether zstd makes the beginning smaller than WORTH_IT of itself; the same answer when an upload is resumed."""
    sample = blob.piece(0, SAMPLE_BYTES)
    return len(frame(sample)) < WORTH_IT * len(sample)


def frame(raw: bytes) -> bytes:
    """One whole zstd frame."""
    import zstandard

    return zstandard.ZstdCompressor(level=3).compress(raw)
