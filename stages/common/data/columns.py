"""Columns of other people's tables: those that parameters name, or the names under which public data sets have them."""

import ast
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

# In order: of several that are there, the first is taken.
KNOWN: dict[str, tuple[str, ...]] = {
    "image": (
        *("image", "img", "image_path", "img_path", "file_name", "filename", "file", "filepath", "file_path", "path"),
        *("image_name", "image_file", "image_filename", "imagepath", "image_id", "uuid", "jpg", "png", "jpeg", "webp"),
        *("image_bytes", "img_bytes", "bytes", "fig_uri", "figure", "img_fn", "images", "id", "key", "url"),
        "image_url",
    ),
    "text": (
        *("text", "caption", "captions", "description", "title_and_abstract", "txt", "sentence", "raw", "texts"),
        *("report", "alt_text", "prompt", "top_caption", "sentences", "s2_caption", "s2orc_caption", "conversations"),
        *("messages", "comment", "title"),
    ),
    "group": ("group", "patient_id", "patient", "case_id", "case", "slide_id", "wsi_id", "slide", "video_id"),
    "license": ("license", "licence"),
    "url": ("url", "image_url", "img_url", "image_link"),
    "similarity": (
        *("similarity", "clip_b32_similarity_score", "clip_l14_similarity_score", "clip_similarity"),
        *("clip_similarity_vitb32", "clip_similarity_vitl14", "clip_score"),
    ),
    "unsafe": ("punsafe", "unsafe", "nsfw"),
}

# A list as Python writes it into a CSV; numpy's has no commas between its texts.
WRITTEN_LIST = re.compile(r"""\s*\[\s*['"].*['"]\s*\]\s*""", re.DOTALL)
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
NUMPY = re.compile(r"""['"]\s+['"]""")


def find_columns(names: Iterable[str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The column among `names` for each kind in `wanted`: the one that the parameter names, or any of KNOWN where that
    is the first of these. Case, spaces and hyphens do not count. A kind of which there is none is left out."""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(plain_name(name), name)
    found = {}
    for kind, parameter in wanted.items():
        ways = KNOWN[kind] if plain_name(parameter) == KNOWN[kind][0] else (plain_name(parameter),)
        if column := next((plain[name] for name in ways if name in plain), None):
            found[kind] = column
    return found


def plain_name(name: object) -> str:
    """A column's name without what writers of the same name differ in."""
    return str(name).strip().casefold().replace(" ", "_").replace("-", "_")


def texts_of(value: Any) -> list[str]:
    """The texts in a cell: several in a list, none where it is empty; numbers as they are written."""
    if isinstance(value, list | tuple):
        return [text for one in value for text in texts_of(one)]
    if isinstance(value, dict):  # COCO has {raw: ...}, LLaVA {from: ..., value: ...}, chats {role: ..., content: ...}
        asked = value.get("from", value.get("role")) in ("human", "user", "system")
        names = (*KNOWN["text"], "value", "content")
        return [] if asked else texts_of(next((value[name] for name in names if name in value), None))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, float) and value.is_integer():  # whole numbers beside an empty cell, as pandas writes them
        value = int(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return _written_list(text) or [text]


def _written_list(text: str) -> list[str]:
    """The texts of a list that a cell has as text, "['one', 'two']"; [] where it is none."""
    if not WRITTEN_LIST.fullmatch(text) or NUMPY.search(text):
        return []
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return value if all(isinstance(one, str) for one in value) else []


def text_of(value: Any) -> str:
    """The first text in a cell, "" where it is empty."""
    return next(iter(texts_of(value)), "").strip()


def number_of(value: Any) -> float | None:
    """The number in a cell, also one that is written as a text, with a comma for its point or between its thousands;
    None for anything else."""
    if isinstance(value, str) and "," in value:
        value = value.replace(",", "" if THOUSANDS.fullmatch(value.strip()) else ".")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number
