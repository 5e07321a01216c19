"""A file's bytes, unpacked where they are gzip or zstd, never more than a block at once.

What packs a gigabyte into a few bytes is unpacked block by block, too, up to `max_bytes`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import IO

import zstandard

from backend.transfer.errors import ImportTooLarge, Unreadable

BLOCK = 64 * 1024
_ZSTD_FED = 512
"""Bytes: zstd makes at most 128 KiB of four, whatever is asked of it."""
_ZSTD_WINDOW = 128 * 2**20
"""What `zstd --ultra -22` needs."""


def unpacked(file: IO[bytes], *, max_bytes: int | None = None) -> Iterator[bytes]:
    """In blocks. Raises ImportTooLarge, Unreadable."""
    first = file.read(BLOCK)
    read = _blocks(file, first)
    if first.startswith(b"\x1f\x8b"):
        blocks = _gunzipped(read)
    elif first.startswith(b"\x28\xb5\x2f\xfd"):
        blocks = _unzstd(read)
    elif first.startswith(b"PK\x03\x04"):
        raise Unreadable("This is a zip archive. Send what is in it, plain or as gzip or zstd.")
    else:
        blocks = read
    total = 0
    for block in blocks:
        total += len(block)
        if max_bytes is not None and total > max_bytes:
            raise ImportTooLarge(max_bytes)
        if block:
            yield block


def _blocks(file: IO[bytes], first: bytes) -> Iterator[bytes]:
    block = first
    while block:
        yield block
        block = file.read(BLOCK)


def _gunzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Of one member or several."""
    member = zlib.decompressobj(31)
    is_open = True
    try:
        for packed in blocks:
            while packed:
                if not is_open:
                    packed = packed.lstrip(b"\0")  # some pad the end
                    if not packed:
                        break
                    member, is_open = zlib.decompressobj(31), True
                yield member.decompress(packed, BLOCK)
                is_open = not member.eof
                packed = member.unconsumed_tail if is_open else member.unused_data
        while is_open and (block := member.decompress(b"", BLOCK)):
            yield block
            is_open = not member.eof
    except zlib.error as error:
        raise Unreadable(f"The gzip data is damaged: {error}.") from error
    if is_open:
        raise Unreadable("The gzip data ends before its end: it was cut.")


def _unzstd(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Of one frame or several."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    is_open = True
    try:
        for block in blocks:
            for start in range(0, len(block), _ZSTD_FED):
                packed = block[start : start + _ZSTD_FED]
                while packed:
                    if not is_open:
                        frame, is_open = decompressor.decompressobj(), True
                    data = frame.decompress(packed)
                    for at in range(0, len(data), BLOCK):
                        yield data[at : at + BLOCK]
                    is_open = not frame.eof
                    packed = b"" if is_open else frame.unused_data
    except zstandard.ZstdError as error:
        raise Unreadable(f"The zstd data is damaged: {error}.") from error
    if is_open:
        raise Unreadable("The zstd data ends before its end: it was cut.")
