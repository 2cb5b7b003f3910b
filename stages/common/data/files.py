"""Files written whole or not at all, with the same bytes each time."""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from stages.common.errors import StageError

SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")
SHORT_WORD = re.compile(r"[a-z][a-z0-9_]*")  # what a reason is made of
MOST_VALUES, DEEPEST = 100_000, 100  # of a YAML file
LONGEST = 500  # letters of what a parser says
SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character, which UTF-8 cannot hold


def safe_id(text: str) -> str:
    """Return `text` if it can be a file name on any system; raise StageError otherwise."""
    if not SAFE_ID.fullmatch(text):
        raise StageError(f"{text!r} cannot be an id: use 1 to 128 letters, digits, '-' and '_'")
    return text


def sha256(path: Path) -> str:
    """Hex sha256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*paths: Path) -> str:
    """One hex digest for several files, in the order given."""
    return hashlib.sha256("".join(sha256(path) for path in paths).encode()).hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give the temporary name under which `path` is to be written; it gets its own when the block ends without an
    error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    yield part
    part.replace(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` under a temporary name, then rename."""
    with writing(path) as part:
        part.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline; floats keep six significant digits, NaN is a ValueError."""
    write_bytes(path, (json.dumps(_rounded(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`. Raises as `parse_json` does."""
    return parse_json(path.read_bytes())


def parse_json(text: str | bytes) -> Any:
    """Return the JSON value in `text`. Raises ValueError where it is not JSON, or nested too deep for the parser."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_yaml(path: Path) -> Any:
    """Return what the YAML 1.2 file `path` holds, read as DVC reads params.yaml: 1e-5 is a number, no and on are words.

    Raises StageError where it is not valid, too deep, or swells by its aliases; a file that is not there is the
    caller's FileNotFoundError.
    """
    from ruamel.yaml import YAML

    data = path.read_bytes()
    try:
        _check_depth(data.decode())
        found = YAML(typ="safe").load(data.decode())
    except Exception as error:  # a date of month 99 is a ValueError of datetime's, say
        raise StageError(f"{path} is not valid YAML: {' '.join(str(error).split())[:LONGEST]}") from None
    if _swells(found):
        raise StageError(f"{path} has more than {MOST_VALUES} values, aliases written out: take them out")
    return found


def _check_depth(text: str) -> None:
    """Raise ValueError for YAML that is nested more than DEEPEST times, on which a parser's time is spent squared."""
    from ruamel.yaml import YAML
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in YAML(typ="safe").parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("it is nested too deep")


def _swells(value: Any) -> bool:
    """Whether there are more than MOST_VALUES in a value, those that are there twice counted twice."""
    queue, count = [value], 0
    while queue and count <= MOST_VALUES:
        one = queue.pop()
        count += 1
        queue += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return count > MOST_VALUES


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write `table` as parquet without its index."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def jpeg(image: Image.Image, quality: int = 92) -> bytes:
    """Encode an RGB image as JPEG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value.item() if hasattr(value, "item") else value
