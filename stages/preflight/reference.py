"""The reference of parameters: meaning and value from params.yaml, type, range and readers from the schemas."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stages.common.stage.params import PARAMS_FILE, ParamsModel

HEAD = """\
# Parameters

Every parameter of [params.yaml](../params.yaml): `-S quiltnet.lr=1e-4` changes it for one experiment. This page is made
from the comments of that file and the schemas in `stages/x/params.py`: `make deps` writes it.

| mark | meaning |
|---|---|
| operational | says how, where or how fast work is done: no result depends on it |
| place | may name files or folders, whose content counts: the stage runs again when it changes |
| lists | a folder of lists, whose lines may name files elsewhere |
| read by | stages of other names that read the parameter as well |

How this decides what runs again is in [dependencies.md](dependencies.md).
"""
COLUMNS = ("parameter", "type and range", "default", "meaning", "marks")
ROW = "| {} | {} | {} | {} | {} |\n"
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "minItems": "{} or more entries",
    "maxItems": "{} or fewer entries",
}
TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "mapping",
    "null": "`null`",
}


def parameters_page(all_params: Mapping[str, ParamsModel], path: Path = PARAMS_FILE) -> str:
    """The page as Markdown, a table for each section of the file at `path`."""
    meanings = read_comments(path)
    page = HEAD
    for stage, params in all_params.items():
        reads = ", ".join(f"`{name}`" for name in params.uses)
        words = [_sentence(meanings[stage]), f"It also reads {reads}." if reads else ""]
        paragraph = textwrap.fill(" ".join(filter(None, words)), 120, break_on_hyphens=False)
        page += f"\n## `{stage}`\n\n{paragraph}\n\n"
        page += ROW.format(*COLUMNS) + "|---" * len(COLUMNS) + "|\n"
        for name, value, kind, marks in _parameters(stage, params, type(params).model_json_schema()):
            readers = _readers(name, all_params)
            marks = [*marks, f"read by {', '.join(readers)}"] if readers else marks
            cells = (f"`{name}`", kind, _code(value), meanings.get(name, ""), "; ".join(marks))
            page += ROW.format(*(cell.replace("|", "\\|") for cell in cells))
    return page


def _parameters(
    prefix: str, params: ParamsModel, schema: Mapping[str, Any], inherited: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, str, list[str]]]:
    """(dotted name, value, type, marks) of every parameter below `prefix`; a group hands its marks down."""
    defined = schema.get("$defs", {})
    for name, field in type(params).model_fields.items():
        value, shape = getattr(params, name), schema["properties"][name]
        marks = (*inherited, *(mark for mark in field.metadata if isinstance(mark, str)))
        if isinstance(value, ParamsModel):
            group = defined[(shape.get("allOf") or [shape])[0]["$ref"].rpartition("/")[2]]
            yield from _parameters(f"{prefix}.{name}", value, {"$defs": defined, **group}, marks)
        else:
            yield f"{prefix}.{name}", value, type_in_words(shape), list(marks)


def type_in_words(shape: Mapping[str, Any]) -> str:
    """A JSON schema in words."""
    if "const" in shape or "enum" in shape:
        return " | ".join(_code(choice) for choice in shape.get("enum", [shape.get("const")]))
    if "anyOf" in shape:
        return " or ".join(type_in_words(choice) for choice in shape["anyOf"])
    base = f"list of ({type_in_words(shape['items'])})" if shape["type"] == "array" else TYPES[shape["type"]]
    return ", ".join([base, *(phrase.format(shape[bound]) for bound, phrase in BOUNDS.items() if bound in shape)])


def _readers(parameter: str, all_params: Mapping[str, ParamsModel]) -> list[str]:
    """The stages that declare to read a parameter of another section, or the group that it is in."""
    return [
        stage
        for stage, params in all_params.items()
        if any(f"{parameter}.".startswith(f"{used}.") for used in params.uses)
    ]


def read_comments(path: Path) -> dict[str, str]:
    """What a params.yaml says of each key, by dotted name: beside the value or, of a list, on the line above."""
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import CollectionNode, MappingNode

    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()

    def visit(node: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for key, value in node.value:
            below = isinstance(value, CollectionNode) and not value.flow_style
            end = key.end_mark if below else value.end_mark
            beside = lines[end.line][end.column :].partition("#")[2].strip()
            above = "".join(lines[: key.start_mark.line][-1:]).strip()
            yield f"{prefix}{key.value}", beside or (above[1:].strip() if above.startswith("#") else "")
            if isinstance(value, MappingNode):
                yield from visit(value, f"{prefix}{key.value}.")

    return dict(visit(YAML(typ="safe", pure=True).compose(text), ""))


def _code(value: Any) -> str:
    """A value as params.yaml may spell it; no text is "", as there."""
    words = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{words}`"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
