"""What strangers may send: texts, JSON values and tables from grammars, and damaged copies of small valid files."""

import io
import json
from functools import partial

from hypothesis import strategies as st

# Pieces of texts that some parser, page, shell, spreadsheet or path has at some time taken for more than a text.
TEXTS = (
    *("", " ", "\n", "\r", "\r\n", "\0", "\ufeff", "\u2028", "\x85", "\x1b[2J", "\ud800", "\U0001f52c", "é", "e\u0301"),
    *(
        "../../x",
        "/etc/passwd",
        "a/../../b",
        "..\\x",
        "C:\\x",
        "~/x",
        "-rf",
        "--exec=x",
        "$(touch x)",
        "`x`",
        ";x",
        "|x",
    ),
    *("<script>x</script>", "</td><img src=x onerror=y>", "&amp;lt;", "&#0;", "&#x110000;", "&x;", "]]>", "<!--"),
    *("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "{c}", "{0.__class__}", "%s%n", "{{7*7}}"),
    *("nan", "inf", "-inf", "1e999", "NULL", "true", "0x10", "1_000", "1,5", "2001-99-99", "01", "9" * 40, "1" * 5000),
    *("http://[::1", "http://x:99999/", "file:///etc/passwd", "http://127.0.0.1/", "//x", "https://user:pw@x/y"),
    *("__import__('os').system('touch x')", "ignore previous instructions", "(A) x (B) y", "a.jpg", "a.tar#b.jpg"),
    *('"', "'", '""', ",", ";", "\t", "#", "\\", ":", "- ", "[", "{", "]", "}"),
)
NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -0.0, 1e-320, float("nan"), float("inf"))
# Pieces of bytes that formats have a meaning for: marks of encodings, of archives, lengths that are too large.
BYTES = (
    *(b"", b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\0" * 600, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0"),
    *(b"PK\x03\x04", b"\x1f\x8b\x08", b"ustar", b"PAR1", b"ARROW1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0"),
    *(b"..", b"/", b"\n", b'"', b"<", b"&a;", b"{", b"[", b"99999999999", b"-1", b"1e999", b"\xed\xa0\x80", b"\xc3"),
)

texts = st.one_of(
    st.sampled_from(TEXTS), st.text(max_size=8), st.lists(st.sampled_from(TEXTS), max_size=4).map("".join)
)
numbers = st.one_of(st.sampled_from(NUMBERS), st.integers(), st.floats())
scalars = st.one_of(texts, numbers, st.none(), st.booleans())


def values(*names):
    """JSON values whose objects mostly have keys among `names`."""
    keys = st.one_of(st.sampled_from(names), texts) if names else texts
    return st.recursive(
        scalars,
        lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(keys, below, max_size=5)),
        max_leaves=8,
    )


def objects(*names):
    """Objects that have most of `names`, with values of any kind."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, values(*names)))


def nearly(valid, *names):
    """The JSON value `valid`, with parts replaced, removed or added."""
    return st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(("set", "drop", "add")), values(*names)), max_size=4
    ).map(partial(_edited, json.dumps(valid)))


def _edited(valid, edits):
    value = json.loads(valid)
    for place, kind, new in edits:
        holders = list(_holders(value))
        if not holders:
            return new
        holder = holders[place % len(holders)]
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if kind == "add" or not keys:
            holder.append(new) if isinstance(holder, list) else holder.update({str(place): new})
        elif kind == "drop":
            del holder[keys[place % len(keys)]]
        else:
            holder[keys[place % len(keys)]] = new
    return value


def _holders(value):
    if isinstance(value, dict | list):
        yield value
        for below in value.values() if isinstance(value, dict) else value:
            yield from _holders(below)


def as_json(value):
    """Bytes of a JSON value, numbers that JSON has not and half characters among them."""
    return json.dumps(value).encode()


def written(write):
    """The bytes that `write` writes to a file."""
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def deep(unit, end=""):
    """Bytes that open something hundreds of thousands of times."""
    return st.integers(1, 200_000).map(lambda times: (unit * times + end).encode())


def damaged(*valid):
    """One of the files `valid` with some of its bytes replaced, removed, repeated or cut off."""
    edits = st.lists(
        st.tuples(
            st.sampled_from(("flip", "put", "insert", "remove", "repeat", "cut", "number")),
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 255),
            st.sampled_from(BYTES),
        ),
        max_size=6,
    )
    return st.builds(_damaged, st.sampled_from(valid), edits)


def _damaged(valid, edits):
    data = bytearray(valid)
    for kind, share, number, piece in edits:
        place = int(share * len(data))
        if kind == "flip" and data:
            data[place] ^= number or 1
        elif kind == "put":
            data[place : place + len(piece)] = piece
        elif kind == "insert":
            data[place:place] = piece
        elif kind == "remove":
            del data[place : place + number]
        elif kind == "repeat":
            data[place:place] = data[place : place + number]
        elif kind == "cut":
            del data[place:]
        else:
            data[place : place + 4] = (number * 0x01010101).to_bytes(4, "little")
    return bytes(data)


def tables(*columns):
    """Bytes of a table with a separator, whose header has most of `columns`, in some encoding, quoted or not."""
    header = st.lists(st.one_of(st.sampled_from(columns), texts), max_size=len(columns) + 2)
    rows = st.lists(st.lists(texts, max_size=len(columns) + 2), max_size=6)
    return st.builds(
        _table,
        st.one_of(st.just(list(columns)), st.permutations(columns), header),
        rows,
        st.sampled_from(",\t;|"),
        st.sampled_from(("\n", "\r\n", "\r", "\n\n")),
        st.booleans(),
        st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "latin-1")),
    )


def _table(header, rows, separator, end, quoted, encoding):
    lines = [
        separator.join('"' + cell.replace('"', '""') + '"' if quoted else cell for cell in row)
        for row in (header, *rows)
    ]
    return end.join(lines).encode(encoding, "surrogatepass" if encoding.startswith("utf") else "replace")


def long_texts(*units):
    """Texts of one piece, or two, many times over: what backtracking regular expressions take long for."""
    pieces = st.one_of(
        st.sampled_from([*units, *(text for text in TEXTS if text and len(text) < 30)]), st.text(min_size=1, max_size=3)
    )
    return st.builds(
        lambda first, many, times, last: first + many * times + last, pieces, pieces, st.integers(1, 3000), pieces
    )
