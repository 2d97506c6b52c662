"""Takes the bytes of an upload in: in order, within bounds, and never all in memory."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect

from pipeline.errors import UploadError
from stream_server.uploads.files import UploadFiles
from stream_server.uploads.upload import Upload, UploadState

PART_BYTES = 8 * 2**20
"""Longest part; whoever sends less loses less when the connection breaks."""
_PIECE_BYTES = 2**20
_CHUNK_TIMEOUT_S = 30.0


class Intake:
    """Writes what comes in; what was written stays when a connection breaks."""

    def __init__(self, files: UploadFiles, max_bytes: int) -> None:
        self._files, self.max_bytes = files, max_bytes

    async def take(
        self, upload: Upload, offset: int, chunks: AsyncIterator[bytes], most_bytes: int
    ) -> None:
        """Append at `offset`, which has to be where the file ends so far.

        Raises:
            UploadError: 409 not the time or the place for it; 413 too much; 408 too slow;
                400 the connection broke; 507 the disk is full. A refused part leaves no trace.
        """
        self._check(upload, offset)
        upload.receiving = True
        try:
            await self._take(upload, chunks, min(most_bytes, self._room(upload)))
        except UploadError as error:
            if error.status == 413:
                upload.received_bytes = offset
            raise
        finally:
            upload.receiving = False

    def _check(self, upload: Upload, offset: int) -> None:
        if upload.state is not UploadState.RECEIVING:
            raise UploadError(409, "not_receiving", f"This file is {upload.state.value} already.")
        if upload.receiving:
            raise UploadError(409, "busy", "Another part of this file is just coming in.")
        if offset != upload.received_bytes:
            raise UploadError(
                409,
                "wrong_offset",
                f"The next part of this file begins at offset {upload.received_bytes}.",
            )

    def _room(self, upload: Upload) -> int:
        whole = self.max_bytes if upload.size_bytes is None else upload.size_bytes
        return whole - upload.received_bytes

    async def _take(self, upload: Upload, chunks: AsyncIterator[bytes], most_bytes: int) -> None:
        held, seen = bytearray(), 0
        try:
            while (chunk := await _next(chunks)) is not None:
                seen += len(chunk)
                if seen > most_bytes:
                    raise self._too_much(upload, seen)
                held += chunk
                if len(held) >= _PIECE_BYTES:
                    await self._write(upload, held)
        except ClientDisconnect:
            await self._write(upload, held)
            raise UploadError(400, "interrupted", "The connection broke.") from None
        await self._write(upload, held)

    def _too_much(self, upload: Upload, seen: int) -> UploadError:
        if upload.size_bytes is None:
            return too_large(self.max_bytes)
        if upload.received_bytes + seen > upload.size_bytes >= seen:
            return UploadError(
                413, "more_than_declared", f"More than the declared {upload.size_bytes} bytes came."
            )
        return UploadError(
            413, "part_too_large", f"Send parts of at most {PART_BYTES // 2**20} MiB."
        )

    async def _write(self, upload: Upload, held: bytearray) -> None:
        if not held:
            return
        async with upload.lock:
            if upload.state is not UploadState.RECEIVING:
                raise UploadError(409, "cancelled", "This file was cancelled.")
            piece = bytes(held)
            await asyncio.to_thread(self._files.write, upload.id, upload.received_bytes, piece)
            upload.received_bytes += len(piece)
            upload.touched_s = asyncio.get_running_loop().time()
            held.clear()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(_CHUNK_TIMEOUT_S):
            return await anext(chunks)
    except StopAsyncIteration:
        return None
    except TimeoutError:
        raise UploadError(408, "too_slow", f"Nothing came for {_CHUNK_TIMEOUT_S:.0f} s.") from None


def too_large(max_bytes: int) -> UploadError:
    """Say how large a file may be."""
    return UploadError(
        413, "too_large", f"The file is larger than the limit of {_size(max_bytes)}."
    )


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} bytes"
