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
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import IO, Any

from stages.common.data.reading import Damage

SEPARATORS = ",\t;|"
BLOCK = 1 << 20  # bytes
OPEN, WRONG = "open", "wrong"  # of a record whose quotes are not in order
LONGEST_RECORD = 200  # lines: a quote that none of them closes is a letter like any other
IMAGE_LIKE = re.compile(r"^https?://\S+$|\.(jpe?g|png|tiff?|webp|bmp|gif)(#\d+)?$", re.IGNORECASE)
UNNAMED = ("image", "text")  # columns of a table without names, of an image and its text
UTF16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
WINDOWS = "windows"  # name of what is done with letters that are not UTF-8
PREAMBLE = 50  # lines among which the header is looked for
TYPESET = str.maketrans("“”„", '"""')

csv.field_size_limit(BLOCK)  # letters of a cell; the library's own limit is an eighth of it

Row = dict[str, Any]
IsHeader = Callable[[list[str]], bool]  # whether names are those of columns that are wanted


def _open_zip(path: Path, mode: str) -> Any:
    """The first file in a zip."""
    with zipfile.ZipFile(path) as archive:
        return archive.open(archive.namelist()[0])


COMPRESSED: dict[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".tgz": gzip.open,
    ".tbz2": bz2.open,
    ".txz": lzma.open,
    ".zip": _open_zip,
}


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading; what is compressed is read as it was before."""
    opened: IO[bytes] = COMPRESSED.get(path.suffix.lower(), Path.open)(path, "rb")
    return opened


def open_text(path: Path) -> IO[str]:
    """Open a text file for reading, line ends as they are: UTF-16, else UTF-8, in which a letter that is none is read
    as Windows-1252 has it, since files may be put together of both."""
    with open_bytes(path) as file:
        begin = file.read(2)
    mark = next((encoding for mark, encoding in UTF16.items() if begin == mark), "")
    if not mark and len(begin) == 2 and begin.count(0) == 1:  # an ASCII letter without the mark
        mark = "utf-16-be" if begin[0] == 0 else "utf-16-le"
    errors = "replace" if mark else WINDOWS
    return io.TextIOWrapper(open_bytes(path), mark or "utf-8-sig", errors, newline="")


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(WINDOWS, _as_windows)


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a text file with their ends, without the NUL bytes that a crash leaves in files."""
    with open_text(path) as lines:
        for line in lines:
            yield line.replace("\0", "")


def delimited_rows(path: Path, is_header: IsHeader, may_be_short: bool = False) -> Iterator[Row | Damage]:
    """Yield a row for each record, of texts by column name, or a Damage for one with another number of cells; where
    they `may_be_short`, cells that are missing are empty.

    The header is the first line that `is_header` accepts under any of SEPARATORS, of those that the file begins with;
    lines before it are comments, or a Damage each. Without one it is the first line, with the commonest separator. It
    is skipped where it comes again, as in files put together. A table of two columns without names, an image's and its
    text's, has the columns UNNAMED.
    """
    lines = enumerate(text_lines(path), 1)
    begin = list(islice(lines, PREAMBLE))
    place, comments = _place_of_header([line for _, line in begin], is_header)
    if place < 0:
        yield Damage("broken_table", "empty")
        return
    for n in comments:
        yield Damage("broken_row", f"line {n + 1}: before the names of columns")
    separator, header = _header(begin[place][1], is_header)
    nameless = [] if is_header(header) else unnamed(header, separator)
    names = nameless or header
    count = 0

    def width() -> int:
        return len(names)

    rest = chain(begin[place if nameless else place + 1 :], lines)
    for number, cells in _records(rest, separator, width, may_be_short):
        count += 1
        if _name(cells[0]) in names and _is_header_again(again := [*map(_name, cells)], names, is_header):
            names = again
        elif len(cells) == len(names) or (may_be_short and len(cells) < len(names)):
            yield dict(zip_longest(names, cells, fillvalue=""))
        else:
            yield Damage("broken_row", f"line {number}: {len(cells)} cells, should be {len(names)}")
    if not count and not nameless and not is_header(header) and path.suffix.lower() != ".txt":  # a note
        yield Damage("broken_table", "a single line, which is no header")


def _place_of_header(lines: list[str], is_header: IsHeader) -> tuple[int, list[int]]:
    """Where among the first lines the header is, -1 where there is none, and the lines before it that are no comments
    (`#`), nor tell Excel the separator."""
    likely = [n for n, line in enumerate(lines) if line.strip() and not line.lower().startswith(("sep=", "#"))]
    headers = (n for n, line in enumerate(lines) if line.strip() and is_header(_header(line, is_header)[1]))
    place = next(headers, likely[0] if likely else -1)
    return place, [n for n in likely if n < place]


def _header(line: str, is_header: IsHeader) -> tuple[str, list[str]]:
    """(separator, cells) of a first line."""
    ways = {
        separator: [_name(cell) for cell in _cells(line, separator)]
        for separator in sorted(SEPARATORS, key=line.count, reverse=True)
    }
    found = next((separator for separator, cells in ways.items() if is_header(cells)), next(iter(ways)))
    return found, ways[found]


def _name(cell: str) -> str:
    return cell.strip("\ufeff \t\r\n“”").removeprefix("#").lstrip()


def _is_header_again(cells: list[str], names: list[str], is_header: IsHeader) -> bool:
    """Whether a record is a header, the same or one of most of its columns."""
    return cells == names or (2 * len(set(cells) & set(names)) > len(cells) and is_header(cells))


def unnamed(cells: list[str], separator: str) -> list[str]:
    """Names of the columns where the first line is a row: one of its two cells names an image, or has no spaces."""
    likely = [bool(IMAGE_LIKE.search(cell)) for cell in cells]
    if not any(likely) and separator == "\t":
        likely = [" " not in cell for cell in cells]
    if len(cells) != 2 or sum(likely) != 1:
        return []
    return list(UNNAMED if likely[0] else UNNAMED[::-1])


def _records(
    lines: Iterator[tuple[int, str]], separator: str, width: Callable[[], int], may_be_short: bool
) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each record; a quoted cell may go over several lines. A quote that nothing
    closes, or with which a record has not `width` cells, is a letter, and the lines after it are records of their
    own."""
    waiting: deque[tuple[int, str]] = deque()
    while found := _next(waiting, lines):
        number, line = found
        taken = [found]
        cells = _parsed([line], separator)
        while cells == OPEN and len(taken) < LONGEST_RECORD and (more := _next(waiting, lines)):
            taken.append(more)
            cells = _parsed([one for _, one in taken], separator) if '"' in more[1] else OPEN
        if isinstance(cells, list):
            _shorten(cells, width())
        if not isinstance(cells, list) or (len(taken) > 1 and len(cells) != width()):
            waiting.extendleft(reversed(taken[1:]))
            cells = _shorten(line.rstrip("\r\n").split(separator), width())
        if len(cells) > width() or (len(cells) < width() and not may_be_short):
            cells = _otherwise(line, separator, width()) or cells
        if line.strip():
            yield number, cells


def _shorten(cells: list[str], width: int) -> list[str]:
    """The cells without empty ones at the end that are too many."""
    while len(cells) > width and not cells[-1]:
        cells.pop()
    return cells


def _next(waiting: deque[tuple[int, str]], lines: Iterator[tuple[int, str]]) -> tuple[int, str] | None:
    return waiting.popleft() if waiting else next(lines, None)


def _otherwise(line: str, separator: str, width: int) -> list[str]:
    """The `width` cells of a line with quotes of other kinds: those of typesetters, single ones, or escaped ones."""
    plain = line.translate(TYPESET)
    for text, ways in ((plain, {}), (line, {"quotechar": "'"}), (line, {"escapechar": "\\", "doublequote": False})):
        cells = _parsed([text], separator, **ways)
        if isinstance(cells, list) and len(cells) == width:
            return cells
    return []


def _parsed(lines: list[str], separator: str, **ways: Any) -> list[str] | str:
    """Cells of the record in `lines`, or why there are none: OPEN where a quote waits for more, or else WRONG."""
    try:
        records = list(csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True, **ways))
    except csv.Error as error:
        return OPEN if "unexpected end" in str(error) else WRONG
    return records[0] if len(records) == 1 else WRONG


def _cells(line: str, separator: str) -> list[str]:
    cells = _parsed([line], separator)
    return cells if isinstance(cells, list) else line.rstrip("\r\n").split(separator)
