"""Rows of tables with a separator (CSV, TSV), whoever wrote them, in a stream; a damaged line costs itself alone."""

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from stages.common.data.reading import Damage

SEPARATORS = ",\t;|"
BLOCK = 1 << 20  # bytes
OPEN, WRONG = "open", "wrong"  # of a record whose quotes are not in order
LONGEST_RECORD = 200  # lines: a quote that none of them closes is a letter like any other
IMAGE_LIKE = re.compile(r"^https?://\S+$|\.(jpe?g|png|tiff?|webp|bmp|gif)(#\d+)?$", re.IGNORECASE)
UNNAMED = ("image", "text")  # columns of a table without names, of an image and its text
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

csv.field_size_limit(BLOCK)  # letters of a cell; the library's own limit is an eighth of it

Row = dict[str, Any]


def _open_zip(path: Path, mode: str) -> Any:
    """The first file in a zip."""
    with zipfile.ZipFile(path) as archive:
        return archive.open(archive.namelist()[0])


COMPRESSED: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zip": _open_zip,
}


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading; what is compressed is read as it was before."""
    opened: IO[bytes] = COMPRESSED.get(path.suffix.lower(), Path.open)(path, "rb")
    return opened


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a text file with their ends, in UTF-8, UTF-16 with its mark, or else Windows-1252."""
    encoding = _encoding(path)
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding, "replace", newline="") as lines:
        yield from lines


def _encoding(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(path) as file:
        block = file.read(BLOCK)
        for mark, encoding in BOMS.items():
            if block.startswith(mark):
                return encoding
        try:
            while block:
                decoder.decode(block)
                block = file.read(BLOCK)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def delimited_rows(path: Path, is_header: Callable[[list[str]], bool]) -> Iterator[Row | Damage]:
    """Yield a row for each record, of texts by column name, or a Damage for one with another number of cells.

    The separator is the one under which `is_header` accepts the first line, or else the commonest of SEPARATORS in it.
    A table of two columns without names, an image's and its text's, has the columns UNNAMED.
    """
    lines = text_lines(path)
    number, first = next(
        ((n, line) for n, line in enumerate(lines, 1) if line.strip() and not _tells_excel(line)), (0, "")
    )
    if not first:
        yield Damage("broken_table", "empty")
        return
    separator, names = _header(first, is_header)
    records = _records(chain([first], lines), separator, number)
    unnamed = [] if is_header(names) else _unnamed(names, separator)
    if not unnamed:
        next(records)
    names = unnamed or names
    begin = number
    for number, cells in records:
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        if len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))
        else:
            yield Damage("broken_row", f"line {number}: {len(cells)} cells, should be {len(names)}")
    if number == begin and names != unnamed and not is_header(names) and path.suffix.lower() != ".txt":  # a note
        yield Damage("broken_table", "a single line, which is no header")


def _header(line: str, is_header: Callable[[list[str]], bool]) -> tuple[str, list[str]]:
    """(separator, cells) of a first line."""
    ways = {separator: _cells(line, separator) for separator in sorted(SEPARATORS, key=line.count, reverse=True)}
    found = next((separator for separator, cells in ways.items() if is_header(cells)), next(iter(ways)))
    return found, [name.strip("\ufeff \t") for name in ways[found]]


def _unnamed(cells: list[str], separator: str) -> list[str]:
    """Names of the columns where the first line is a row: one of its two cells names an image, or has no spaces."""
    likely = [bool(IMAGE_LIKE.search(cell)) for cell in cells]
    if not any(likely) and separator == "\t":
        likely = [" " not in cell for cell in cells]
    if len(cells) != 2 or sum(likely) != 1:
        return []
    return list(UNNAMED if likely[0] else UNNAMED[::-1])


def _tells_excel(line: str) -> bool:
    return line.lower().startswith("sep=")


def _records(lines: Iterator[str], separator: str, number: int) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each record; a quoted cell may go over several lines."""
    waiting: deque[str] = deque()
    while line := _next(waiting, lines):
        taken = [line]
        cells = _parsed(taken, separator)
        while cells == OPEN and len(taken) < LONGEST_RECORD and (more := _next(waiting, lines)):
            taken.append(more)
            cells = _parsed(taken, separator) if '"' in more else OPEN
        if not isinstance(cells, list):  # the quote is a letter, and the lines after it are records of their own
            waiting.extendleft(reversed(taken[1:]))
            cells, taken = line.rstrip("\r\n").split(separator), [line]
        if line.strip():
            yield number, cells
        number += len(taken)


def _next(waiting: deque[str], lines: Iterator[str]) -> str:
    return waiting.popleft() if waiting else next(lines, "")


def _parsed(lines: list[str], separator: str) -> list[str] | str:
    """Cells of the record in `lines`, or why there are none: OPEN where a quote waits for more, or else WRONG."""
    try:
        records = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        return OPEN if "unexpected end" in str(error) else WRONG
    return records[0] if len(records) == 1 else WRONG


def _cells(line: str, separator: str) -> list[str]:
    cells = _parsed([line], separator)
    return cells if isinstance(cells, list) else line.rstrip("\r\n").split(separator)
