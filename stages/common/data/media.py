"""Decoding as ffmpeg does it: what is damaged is skipped, the rest is kept."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def packets(container: Any, *streams: Any) -> Iterator[Any]:
    """Yield the packets of PyAV's `streams`, all without an argument, up to where their container breaks off."""
    import av

    try:
        yield from (packet for packet in container.demux(*streams) if packet.size)
    except av.FFmpegError as error:
        log.warning(f"{Path(container.name).name} breaks off: {error}")


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames of one of PyAV's streams. Damaged packets are skipped, and their number is logged.

    Raises av.FFmpegError where not one frame can be decoded.
    """
    import av

    good, damaged, last = 0, 0, None
    for packet in _with_end(packets(container, stream), stream):
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            damaged, last = damaged + 1, error
        else:
            good += len(frames)
            yield from frames
    if damaged:
        log.warning(f"{Path(container.name).name}: skipped {damaged} damaged packets of {stream.type}")
    if last and not good:
        raise last


def _with_end(found: Iterator[Any], stream: Any) -> Iterator[Any]:
    """`found`, and the empty packet for which a decoder gives the frames that it still holds."""
    import av

    yield from found
    end = av.Packet()
    end.stream, end.time_base = stream, stream.time_base
    yield end
