"""Lines of a catalog's lists: one entry per line, with or without a comment."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from stages.common.errors import StageError

COMMENT = re.compile(r"\s+#")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is neither empty nor a comment; nothing where there is no file.

    Any line ends and byte-order marks will do. Raises StageError for what is no file, and for one in another encoding
    than UTF-8 and UTF-16.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise StageError(f"{path} is not a file: make it a text file, or remove it")
    data = path.read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8")
    except UnicodeDecodeError:
        raise StageError(f"{path} is not in UTF-8: save it in that encoding") from None
    for number, line in enumerate(text.splitlines(), start=1):
        # Files that were joined have a mark at the beginning of each.
        entry = line.replace("\ufeff", "").strip()
        if entry and not entry.startswith("#"):
            yield number, entry


def readings(entry: str) -> Iterator[str]:
    """Yield what `entry` may mean: all of it, since a file's name may hold " #", then what is before each such mark."""
    yield entry
    for mark in reversed(list(COMMENT.finditer(entry))):
        yield entry[: mark.start()]


def without_comment(entry: str) -> str:
    """What is before the first comment, for entries that cannot hold " #"."""
    return COMMENT.split(entry)[0]
