"""Caption engines: ways to correct and sort sentences, with one interface."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, get_args

from stages.captions.chat import Chat
from stages.captions.correct import Correction, Corrector, Repair
from stages.captions.llm import LlmEngine
from stages.captions.params import Params
from stages.captions.sort import kind, sub_pathology
from stages.common.data.files import SURROGATE
from stages.common.errors import StageError
from stages.common.stage.extensions import is_extension, load_extension, named_errors
from stages.common.tables.captions import FIELDS, Kind, SubPathology
from stages.common.text.lexicon import EntityMention

METHODS = ("correct", "kinds", "sub_pathology")
KINDS = get_args(Kind)
PARAMETER = "captions.engine"


class Engine(Protocol):
    """Corrects and sorts the sentences of one video."""

    def correct(self, texts: list[str]) -> list[Repair]:
        """Return each sentence with its misheard terms repaired."""

    def kinds(self, texts: list[str], entities: list[list[EntityMention]]) -> list[Kind]:
        """Return medical, roi or other for each sentence with its `entities`."""

    def sub_pathology(self, title: str, text: str) -> list[SubPathology]:
        """Return one to three fields of pathology, each with a probability, the likeliest first."""


class LexiconEngine:
    """By the lexicon and lists of words alone: offline, and the same every time."""

    def __init__(self, corrector: Corrector, cues: list[str]) -> None:
        self.corrector = corrector
        self.cues = tuple(cues)

    def correct(self, texts: list[str]) -> list[Repair]:
        """Repair each sentence on its own."""
        return [self.corrector.correct(text) for text in texts]

    def kinds(self, texts: list[str], entities: list[list[EntityMention]]) -> list[Kind]:
        """By medical terms and pointing words."""
        return [kind(text, own, self.cues) for text, own in zip(texts, entities, strict=True)]

    def sub_pathology(self, title: str, text: str) -> list[SubPathology]:
        """By words that speak for each field."""
        return sub_pathology(title, text)


class OwnEngine:
    """An engine of the user's own, from `extension`: its errors are named, and what it answers is checked."""

    def __init__(self, own: Any, extension: str) -> None:
        self.own, self.extension = own, extension

    def correct(self, texts: list[str]) -> list[Repair]:
        """Ask for a Repair of each text."""
        found = self._ask("correct", texts)
        self._check("correct", found, len(texts), _is_repair, "a stages.captions.correct.Repair")
        return list(found)

    def kinds(self, texts: list[str], entities: list[list[EntityMention]]) -> list[Kind]:
        """Ask for the kind of each text."""
        found = self._ask("kinds", texts, entities)
        self._check("kinds", found, len(texts), lambda one: isinstance(one, str) and one in KINDS, ", ".join(KINDS))
        return list(found)

    def sub_pathology(self, title: str, text: str) -> list[SubPathology]:
        """Ask for one to three fields."""
        found = self._ask("sub_pathology", title, text)
        self._check("sub_pathology", found, None, _is_guess, '{"field": one of the 18, "probability": 0..1}')
        return list(found)

    def _ask(self, method: str, *values: Any) -> Any:
        with named_errors(self.extension, PARAMETER):
            return getattr(self.own, method)(*values)

    def _check(self, method: str, found: Any, count: int | None, fits: Callable[[Any], bool], wanted: str) -> None:
        """Raise StageError unless `found` is a list of `count` values (None: one to three), each of which `fits`."""
        where = f"{PARAMETER}: {self.extension}: {method}"
        if not isinstance(found, list | tuple):
            raise StageError(f"{where} must return a list, not {type(found).__name__}")
        if count is None and not 1 <= len(found) <= 3:
            raise StageError(f"{where} returns {len(found)} fields, should be one to three")
        if count is not None and len(found) != count:
            raise StageError(f"{where} returns {len(found)} values for {count} sentences")
        for number, one in enumerate(found, 1):
            if not fits(one):
                raise StageError(f"{where}: value {number} is {' '.join(repr(one).split())}, should be {wanted}")


def _is_repair(value: Any) -> bool:
    return (
        isinstance(value, Repair)
        and _is_text(value.text)
        and isinstance(value.made, list)
        and all(map(_is_correction, value.made))
        and isinstance(value.refused, dict)
        and all(_is_text(name) and type(number) is int for name, number in value.refused.items())
    )


def _is_correction(value: Any) -> bool:
    if not isinstance(value, Correction):
        return False
    return all(map(_is_text, (value.from_, value.to, value.by))) and _is_share(value.score)


def _is_guess(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"field", "probability"}:
        return False
    return value["field"] in FIELDS and _is_share(value["probability"])


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not SURROGATE.search(value)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def engine(params: Params, corrector: Corrector, replies: Path, budget: float) -> Engine:
    """The engine that `params` names; `replies` and `budget` are for Chat.

    An extension is called with the corrector and the parameters. Raises StageError where what it returns is not an
    Engine.
    """
    if is_extension(params.engine):
        own = load_extension(params.engine, PARAMETER, "corrector", "params")(corrector, params)
        with named_errors(params.engine, PARAMETER):
            missing = [name for name in METHODS if not callable(getattr(own, name, None))]
        if missing:
            raise StageError(f"{PARAMETER}: what {params.engine} returns has no method '{missing[0]}'")
        return OwnEngine(own, params.engine)
    if params.engine == "lexicon":
        return LexiconEngine(corrector, params.cues)
    return LlmEngine(corrector, Chat(params.llm, replies, budget))
