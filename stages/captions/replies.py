"""What language models answer: the JSON in a reply, read entry by entry, and the schemas that are asked for where the
server knows structured output."""

import ast
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from stages.common.tables.captions import FIELDS, Kind

LONGEST = 50_000  # characters of a reply that are read
JSON = json.JSONDecoder(strict=False)  # line breaks within texts are usual
THOUGHTS = re.compile(r"</(?:think|thinking|thought|reasoning)>|<\|message\|>")  # the answer follows the last of these
TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
NOTHING = re.compile(
    r"\W*(?:(?:there (?:are|were|is)|i (?:found|find|see)) )?(?:no|none|nothing)\b[^{\[]{0,150}$", re.I
)
KINDS: tuple[Kind, ...] = get_args(Kind)
SPELT = {"region of interest": "roi", "region-of-interest": "roi", "non-medical": "other"}


@dataclass(frozen=True)
class Replacement:
    """Words of a sentence and what was meant, as a model proposes them; sentence None: wherever the words are."""

    sentence: int | None
    heard: str
    meant: str


@dataclass(frozen=True)
class FieldGuess:
    """A field of pathology in the model's words, and its probability."""

    name: str
    probability: float


def read(reply: str, parse: Callable[[Any], object]) -> Any:
    """The JSON value in `reply` that `parse` accepts: a whole one, else all loose ones together, else a part of one.

    Raises ValueError, with a message for the model, where there is none.
    """
    text = TRAILING_COMMA.sub("", THOUGHTS.split(reply)[-1][:LONGEST])
    whole = sorted(_values(text), key=lambda value: isinstance(value, list))
    if not any(isinstance(value, dict) for value in whole):
        whole = _python(text) or whole
    if len(re.findall(r"[{\[]", text)) > 1:
        whole = [value for value in whole if value]  # an empty one among others answers nothing
    elif not whole and NOTHING.match(text):
        whole = [[]]
    wrong = ""
    for value in [*whole, whole, *_parts(whole)] if whole else ():
        try:
            parse(value)
        except ValueError as error:
            wrong = wrong or str(error)
        else:
            return value
    raise ValueError(wrong or "the reply has no JSON object")


def _values(text: str) -> Iterator[Any]:
    """Objects and lists of JSON in `text`, in their order. What stands between them is passed over."""
    place = 0
    while found := re.compile(r"[{\[]").search(text, place):
        place = found.start()
        try:
            value, place = JSON.raw_decode(text, place)
            yield value
        except ValueError:
            place += 1
        except RecursionError:  # no answer is so deep, and to look at each level of it would take minutes
            return


def _python(text: str) -> list[Any]:
    """The object in `text` in Python's spelling, with single quotes and None, as a list; [] without one."""
    found = text[text.find("{") : text.rfind("}") + 1] if "{" in text else ""
    try:
        return [json.loads(json.dumps(ast.literal_eval(found)))] if found else []
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return []


def _parts(values: list[Any]) -> list[Any]:
    """Objects and lists within `values` that are not empty, outer ones first."""
    queue = list(values)
    for value in queue:
        inner = value.values() if isinstance(value, dict) else value
        queue += [part for part in inner if part and isinstance(part, dict | list)]
    return queue[len(values) :]


def _entries(value: Any, key: str) -> list[Any] | dict[Any, Any]:
    """What stands under `key` (in any case) of an object, or a bare list; nothing for null and for an object of
    nothing but empty values."""
    if isinstance(value, dict):
        lower = {str(name).lower(): inner for name, inner in value.items()}
        if key not in lower and any(lower.values()):
            raise ValueError(f"the object has no '{key}'")
        value = lower.get(key)
    if value is None:
        return []
    if not isinstance(value, list | dict):
        raise ValueError(f"'{key}' is no list")
    return value


def replacements(value: Any) -> list[Replacement]:
    """The reply to a question for repairs. Of entries without usable words `heard` or `meant` is empty."""
    listed = _entries(value, "replacements")
    entries = [one for one in listed if isinstance(one, dict) and {"from", "to"} <= one.keys()]
    if listed and not entries:
        raise ValueError("no entry of 'replacements' is an object with 'sentence', 'from' and 'to'")
    return [Replacement(_whole(one.get("sentence")), _text(one["from"]), _text(one["to"])) for one in entries]


def kinds(value: Any, count: int) -> dict[int, Kind]:
    """The reply to a question for the kinds of `count` sentences: the kind of each that has a usable one.

    Raises ValueError where a list without numbers has another length, for nobody knows which sentence it left out.
    """
    bare = isinstance(value, dict) and all(str(name).isdigit() for name in value)
    listed = _entries({"kinds": value} if bare else value, "kinds")
    if isinstance(listed, list):
        numbered = [one for one in listed if isinstance(one, dict) and _whole(one.get("sentence")) is not None]
        if len(numbered) < len(listed) != count:
            raise ValueError(f"'kinds' has {len(listed)} entries for {count} sentences")
        listed = {one["sentence"]: one for one in numbered} if len(numbered) == len(listed) else dict(enumerate(listed))
    found = {}
    for number, given in listed.items():
        place, kind = _whole(number), _kind(given)
        if place is not None and kind is not None:
            found[place] = kind
    if count in found and 0 not in found:
        found = {place - 1: kind for place, kind in found.items()}  # counted from 1
    found = {place: kind for place, kind in found.items() if 0 <= place < count}
    if not found:
        raise ValueError(f"'kinds' names no sentence from 0 to {count - 1} with one of {', '.join(KINDS)}")
    return found


def field_guesses(value: Any) -> list[FieldGuess]:
    """The reply to a question for fields. Guesses without a probability share what the others leave."""
    listed = _entries(value, "fields")
    pairs = listed.items() if isinstance(listed, dict) else map(_field, listed)
    named = [(name.strip(), _share(probability)) for name, probability in pairs if isinstance(name, str)]
    if listed and not named:
        raise ValueError("no entry of 'fields' is an object with 'field' and 'probability'")
    if any(share is not None and share > 1 for _, share in named):  # per cent
        named = [(name, None if share is None else share / 100) for name, share in named]
    left = max(0.0, 1 - sum(share for _, share in named if share is not None))
    unsaid = sum(share is None for _, share in named)
    return [FieldGuess(name, left / unsaid if share is None else share) for name, share in named]


def replacements_schema() -> dict[str, Any]:
    """JSON schema of what `replacements` reads."""
    words = {"type": "string"}
    entry = _object({"sentence": {"type": "integer"}, "from": words, "to": words})
    return _object({"replacements": {"type": "array", "items": entry}})


def kinds_schema(count: int) -> dict[str, Any]:
    """JSON schema of what `kinds` reads."""
    kind = {"type": "string", "enum": list(KINDS)}
    return _object({"kinds": _object({str(number): kind for number in range(count)})})


def fields_schema() -> dict[str, Any]:
    """JSON schema of what `field_guesses` reads."""
    entry = _object({"field": {"type": "string", "enum": list(FIELDS)}, "probability": {"type": "number"}})
    return _object({"fields": {"type": "array", "items": entry}})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object with these properties and no others, as strict servers want it."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    """A whole number, also one that is written as a text; else None."""
    if isinstance(value, str):
        digits = re.fullmatch(r"\D*(\d{1,6})\D*", value)
        return int(digits[1]) if digits else None
    return int(value) if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)) else None


def _kind(value: Any) -> Kind | None:
    """The kind in `value`, also where it has capitals or stands in an object."""
    given = value.get("kind") if isinstance(value, dict) else value
    word = given.strip(" .'\"").lower() if isinstance(given, str) else ""
    return next((kind for kind in KINDS if SPELT.get(word, word) == kind), None)


def _field(entry: Any) -> tuple[Any, Any]:
    return (entry.get("field"), entry.get("probability")) if isinstance(entry, dict) else (entry, None)


def _share(value: Any) -> float | None:
    """A number in 0..100, also one that is written as a text; else None."""
    if isinstance(value, str):
        number = re.fullmatch(r"\s*(\d{1,3}(?:\.\d+)?)\s*%?\s*", value)
        value = float(number[1]) if number else None
    return float(value) if isinstance(value, int | float) and 0 <= value <= 100 else None
