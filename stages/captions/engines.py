"""Caption engines: ways to correct and sort sentences, with one interface."""

from pathlib import Path
from typing import Annotated, Any, Protocol, get_args

from pydantic import AfterValidator, TypeAdapter, ValidationError

from stages.captions.chat import Chat
from stages.captions.correct import Corrector, Repair
from stages.captions.llm import LlmEngine
from stages.captions.params import Params
from stages.captions.sort import fields, kind, sub_pathology
from stages.common.errors import StageError
from stages.common.stage.extensions import is_extension, load_extension, named_errors
from stages.common.tables.captions import UNKNOWN, Kind, SubPathology
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


def _known(guess: SubPathology) -> SubPathology:
    if guess["field"] not in (*fields(), UNKNOWN):
        raise ValueError("no such field")
    return guess


# What a method's list holds, and how a message says it.
ANSWERS: dict[str, tuple[TypeAdapter[Any], str]] = {
    "correct": (TypeAdapter(Repair), "a stages.captions.correct.Repair"),
    "kinds": (TypeAdapter(Kind), ", ".join(KINDS)),
    "sub_pathology": (
        TypeAdapter(Annotated[SubPathology, AfterValidator(_known)]),
        '{"field": one of the 18, "probability": 0..1}',
    ),
}


class OwnEngine:
    """An engine of the user's own, from `extension`: its errors are named, and what it answers is checked."""

    def __init__(self, own: Any, extension: str) -> None:
        self.own, self.extension = own, extension

    def correct(self, texts: list[str]) -> list[Repair]:
        """Ask for a Repair of each text."""
        return self._ask("correct", len(texts), texts)

    def kinds(self, texts: list[str], entities: list[list[EntityMention]]) -> list[Kind]:
        """Ask for the kind of each text."""
        return self._ask("kinds", len(texts), texts, entities)

    def sub_pathology(self, title: str, text: str) -> list[SubPathology]:
        """Ask for one to three fields."""
        return self._ask("sub_pathology", None, title, text)

    def _ask(self, method: str, count: int | None, *values: Any) -> list[Any]:
        """The answer of a method: a list of `count` values (None: one to three). Raises StageError for any other."""
        with named_errors(self.extension, PARAMETER):
            found = getattr(self.own, method)(*values)
        where = f"{PARAMETER}: {self.extension}: {method}"
        if not isinstance(found, list | tuple):
            raise StageError(f"{where} must return a list, not {type(found).__name__}")
        if count is None and not 1 <= len(found) <= 3:
            raise StageError(f"{where} returns {len(found)} fields, should be one to three")
        if count is not None and len(found) != count:
            raise StageError(f"{where} returns {len(found)} values for {count} sentences")
        adapter, wanted = ANSWERS[method]
        for number, one in enumerate(found, 1):
            try:
                adapter.validate_python(one, strict=True)
            except ValidationError:
                shown = " ".join(repr(one).split())
                raise StageError(f"{where}: value {number} is {shown}, should be {wanted}") from None
        return list(found)


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
