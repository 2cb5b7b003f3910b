"""The reference of columns: every table and JSON record that stages hand on, from stages/common/tables."""

import importlib
import pkgutil
import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from stages.common import tables
from stages.common.tables.schema import Record, Table

HEAD = """\
# Columns

Every table and JSON record that stages hand on. They are written down once, in
[stages/common/tables](../stages/common/tables): writers cast to them, readers check them and name the missing column,
the file and the stage to run. This page is made from them: `make deps` writes it. The released QUILT table's own names
are in `data/pairs/quilt.csv` ([stages/pairs/quilt.py](../stages/pairs/quilt.py)).

A **hold** is a static segment of a video, in which the camera rests (the paper: a stable chunk); `hold_id` names it in
every table. Its frame may show tissue in several **regions**, each an image of its own. Times are seconds from the
beginning of the video. In text columns an empty text, or null, means that there is none.
"""


def columns_page() -> str:
    """The page as Markdown: a table for each parquet file, and for each JSON file and the records inside it."""
    page = HEAD
    for module in sorted(one.name for one in pkgutil.iter_modules(tables.__path__)):
        for value in vars(importlib.import_module(f"stages.common.tables.{module}")).values():
            if isinstance(value, Table | Record) and value.stage.removesuffix("_more") in (module, ""):
                page += _table(value) if isinstance(value, Table) else _record(value)
    return page


def _table(table: Table) -> str:
    page = f"\n## `{table.path}`\n\n" + _paragraph(f"A row is {table.rows}. Written by {_stage(table)}.")
    page += "\n| column | type | unit | meaning |\n|---|---|---|---|\n"
    more = [table.more] if table.more else []
    names = [f"`{one.name}`" for one in table.columns] + [f"`{one.name}NAME`, of your own" for one in more]
    for name, one in zip(names, [*table.columns, *more], strict=True):
        page += f"| {name} | {one.type} | {one.unit} | {one.meaning} |\n"
    return page


def _record(record: Record[Any]) -> str:
    page = f"\n## `{record.path}`\n\n"
    page += _paragraph(f"{_first_line(record.kind)} Written by {_stage(record)}.")
    for kind in _kinds(record.kind):
        page += "\n" + _paragraph(f"`{kind.__name__}`: {_first_line(kind)}")
        page += "\n| key | type | meaning |\n|---|---|---|\n"
        for name, hint in get_type_hints(kind, include_extras=True).items():
            page += f"| `{name}` | {_words(hint)} | {_meaning(hint)} |\n"
    return page


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 120, break_on_hyphens=False) + "\n"


def _stage(value: Table | Record[Any]) -> str:
    return f"stage `{value.stage}`" if value.stage else "every incremental stage"


def _first_line(kind: Any) -> str:
    """The first line of a record's docstring; of a list or a mapping, what is in it."""
    if is_typeddict(kind):
        return (kind.__doc__ or "").strip().split("\n")[0]
    return f"A JSON {_words(kind)}: {_meaning(get_args(kind)[-1])}."


def _kinds(hint: Any) -> Iterator[Any]:
    """The TypedDicts in a type, the outer ones first, each once."""
    seen: dict[Any, None] = {}
    queue = [hint]
    while queue:
        one = queue.pop(0)
        if is_typeddict(one) and one not in seen:
            seen[one] = None
            queue += get_type_hints(one).values()
        queue += get_args(one)
    yield from seen


def _words(hint: Any) -> str:
    """A type as a reader of JSON knows it."""
    names = {str: "text", float: "number", int: "whole number", bool: "true or false", type(None): "null"}
    arguments = [one for one in get_args(hint) if not hasattr(one, "description")]
    if hasattr(hint, "__metadata__") or str(get_origin(hint)).endswith("Required"):
        return _words(arguments[0])
    if get_origin(hint) is list:
        return f"list of {_words(arguments[0])}"
    if get_origin(hint) is tuple:
        return "[" + ", ".join(map(_words, arguments)) + "]"
    if get_origin(hint) is dict:
        return f"mapping of {_words(arguments[0])} to {_words(arguments[1])}"
    if is_typeddict(hint):
        return f"`{hint.__name__}`"
    return names.get(hint) or " or ".join(_words(one) if isinstance(one, type) else f"{one}" for one in arguments)


def _meaning(hint: Any) -> str:
    """The description of a key."""
    described = [one.description for one in getattr(hint, "__metadata__", ()) if getattr(one, "description", None)]
    inner = [_meaning(one) for one in get_args(hint)[:1] if str(get_origin(hint)).endswith("Required")]
    return "; ".join([*described, *filter(None, inner)])
