"""One video's captions."""

import functools
from dataclasses import replace
from pathlib import Path

from stages.captions.correct import Corrector, Repair
from stages.captions.engines import engine
from stages.captions.negation import negated
from stages.captions.params import Params
from stages.captions.personal_data import personal_data
from stages.captions.sentences import TimedSentence, sentences
from stages.common.incremental.runner import Item
from stages.common.tables.captions import CAPTIONS, Captions, CaptionSentence, Kind
from stages.common.tables.transcripts import TRANSCRIPT
from stages.common.text.lexicon import EntityMention, load_lexicon

OTHER: Kind = "other"


@functools.cache
def _corrector(model: Path, params: str) -> Corrector:
    return Corrector(load_lexicon(model), Params.model_validate_json(params))


def captions(item: Item, scratch: Path, params: Params, model: Path, replies: Path, budget: float) -> None:
    """Write ID.json below `scratch`: {sentences, sub_pathology, refused}.

    A sentence with personal data keeps its times and nothing else. `replies` is the folder with the replies of a
    language model, `budget` what they may cost. Raises as Chat does.
    """
    corrector = _corrector(model, params.model_dump_json())
    caption_engine = engine(params, corrector, replies / f"{item.id}.jsonl", budget)
    transcript = TRANSCRIPT.read(Path(item.data["transcript"]))
    words = [word for segment in transcript["segments"] for word in segment["words"]]
    spoken = sentences(words, params.nltk_data)
    private = [personal_data(sentence.text, corrector.lexicon) for sentence in spoken]
    public = [sentence for sentence, found in zip(spoken, private, strict=True) if not found]
    repairs = caption_engine.correct([sentence.text for sentence in public])
    entities = [corrector.lexicon.entities(repair.text) for repair in repairs]
    kinds = caption_engine.kinds([repair.text for repair in repairs], entities)
    records = [_record(*all_of) for all_of in zip(public, repairs, entities, kinds, strict=True)]
    records += [_withheld(sentence, found) for sentence, found in zip(spoken, private, strict=True) if found]
    records.sort(key=lambda record: (record["start"], record["end"]))
    medical = " ".join(record["text"] for record in records if record["kind"] != OTHER)
    made: Captions = {
        "sentences": records,
        "sub_pathology": caption_engine.sub_pathology(item.data["title"], medical),
        "refused": _refused(repairs),
    }
    CAPTIONS.write(scratch / f"{item.id}.json", made)


def _record(sentence: TimedSentence, repair: Repair, entities: list[EntityMention], kind: Kind) -> CaptionSentence:
    return {
        "start": sentence.start,
        "end": sentence.end,
        "times": sentence.times,
        "raw": sentence.text,
        "text": repair.text,
        "corrections": [correction.record() for correction in repair.made],
        "kind": kind,
        "entities": [
            {"term": e.term, "id": e.id, "semantic_type": e.semantic_type, "negated": negated(repair.text, e)}
            for e in entities
        ],
        "personal_data": [],
    }


def _withheld(sentence: TimedSentence, found: list[str]) -> CaptionSentence:
    """The record of a sentence with personal data: its times and the kinds of that data, without its words."""
    empty = replace(sentence, text="", times=[])
    record = _record(empty, Repair("", []), [], OTHER)
    record["personal_data"] = found
    return record


def _refused(repairs: list[Repair]) -> dict[str, int]:
    """Numbers of refused proposals of each method."""
    names = sorted({name for repair in repairs for name in repair.refused})
    return {name: sum(repair.refused.get(name, 0) for repair in repairs) for name in names}
