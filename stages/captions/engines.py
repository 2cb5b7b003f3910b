"""Caption engines: ways to correct and sort sentences, with one interface."""

from pathlib import Path
from typing import Protocol

from stages.captions.chat import Chat
from stages.captions.correct import Corrector, Repair
from stages.captions.llm import LlmEngine
from stages.captions.params import Params
from stages.captions.sort import kind, sub_pathology
from stages.common.errors import StageError
from stages.common.stage.extensions import is_extension, load_extension
from stages.common.tables.captions import Kind, SubPathology
from stages.common.text.lexicon import EntityMention

METHODS = ("correct", "kinds", "sub_pathology")


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


def engine(params: Params, corrector: Corrector, replies: Path, budget: float) -> Engine:
    """The engine that `params` names; `replies` and `budget` are for Chat.

    An extension is called with the corrector and the parameters. Raises StageError where what it returns is not an
    Engine.
    """
    if is_extension(params.engine):
        found: Engine = load_extension(params.engine, "captions.engine", "corrector", "params")(corrector, params)
        if missing := [name for name in METHODS if not callable(getattr(found, name, None))]:
            raise StageError(f"captions.engine: what {params.engine} returns has no method '{missing[0]}'")
        return found
    if params.engine == "lexicon":
        return LexiconEngine(corrector, params.cues)
    return LlmEngine(corrector, Chat(params.llm, replies, budget))
