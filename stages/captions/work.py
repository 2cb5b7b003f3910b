"""One video's captions."""

import functools
from pathlib import Path
from typing import Any

from stages.captions.correct import Corrector
from stages.captions.negation import negated
from stages.captions.params import Params
from stages.captions.sentences import Sentence, sentences
from stages.captions.sort import kind, sub_pathology
from stages.common.files import read_json, write_json
from stages.common.itemwise import Item
from stages.common.lexicon import load_lexicon


@functools.cache
def _corrector(model: Path, block: str) -> Corrector:
    return Corrector(load_lexicon(model), Params.model_validate_json(block))


def captions(item: Item, scratch: Path, block: Params, model: Path) -> None:
    """Write ID.json below `scratch`: {sentences, sub_pathology}."""
    corrector = _corrector(model, block.model_dump_json())
    heard = read_json(Path(item.data["transcript"]))
    words = [word for segment in heard["segments"] for word in segment["words"]]
    records = [_record(sentence, corrector, tuple(block.cues)) for sentence in sentences(words, block.nltk_data)]
    medical = " ".join(record["text"] for record in records if record["kind"] != "other")
    write_json(
        scratch / f"{item.id}.json",
        {"sentences": records, "sub_pathology": sub_pathology(item.data["title"], medical)},
    )


def _record(sentence: Sentence, corrector: Corrector, cues: tuple[str, ...]) -> dict[str, Any]:
    text, corrections = corrector.correct(sentence.text)
    entities = corrector.lexicon.entities(text)
    return {
        "start": sentence.start,
        "end": sentence.end,
        "raw": sentence.text,
        "text": text,
        "corrections": [correction.record() for correction in corrections],
        "kind": kind(text, entities, cues),
        "entities": [
            {"term": e.term, "id": e.id, "semantic_type": e.semantic_type, "negated": negated(text, e)}
            for e in entities
        ],
    }
