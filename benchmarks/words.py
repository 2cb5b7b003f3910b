"""The field's words: what is linked, denied, private, wanted, and of which field, over cases of our own; and speed."""

import tempfile
from pathlib import Path

import pandas as pd

from benchmarks import report, seconds
from benchmarks.narration import sentences
from stages.captions.negation import negated
from stages.captions.personal_data import personal_data
from stages.captions.sort import kind, sub_pathology
from stages.common.stage.params import load_params
from stages.common.tables.captions import UNKNOWN
from stages.common.text.lexicon import EntityMention, Lexicon
from stages.lexicon.build import build

CASES = Path(__file__).parent / "words_cases"
MANY, SAMPLE = 1_000_000, 5_000


def cases(name: str) -> pd.DataFrame:
    """Cases of one kind: a text, and what is right."""
    return pd.read_csv(CASES / f"{name}.csv", keep_default_na=False)


def denied(table: pd.DataFrame) -> list[bool]:
    """Whether the term of each sentence, where it is named last, is found to be negated."""
    ends = (row.sentence.lower().rindex(row.term.lower()) + len(row.term) for row in table.itertuples())
    mentions = (
        EntityMention(end - len(row.term), end, row.term, "", "Finding")
        for end, row in zip(ends, table.itertuples(), strict=True)
    )
    return [negated(text, mention) for text, mention in zip(table.sentence, mentions, strict=True)]


def precision_and_recall(found: list[bool], gold: list[bool]) -> tuple[float, float]:
    """Of what is found, the share that is right; of what is right, the share that is found."""
    right = sum(one and other for one, other in zip(found, gold, strict=True))
    return right / max(1, sum(found)), right / max(1, sum(gold))


def quality(lexicon: Lexicon) -> None:
    """Cases of each kind."""
    table = pd.read_csv(load_params("lexicon")[0].abbreviations, keep_default_na=False)
    linked = sum(len(lexicon.entities(name)) == 1 for name in table.abbreviation) / len(table)
    report("abbreviations linked", linked, None, 0.95, f"of {len(table)} of our list", unit="share", at_least=True)
    for name, column, find in (
        ("negation", "negated", denied),
        ("personal_data", "personal", lambda rows: [bool(personal_data(text, lexicon)) for text in rows.sentence]),
    ):
        table = cases(name)
        scores = precision_and_recall(find(table), (table[column] == 1).tolist())
        for measure, score in zip(("precision", "recall"), scores, strict=True):
            report(f"{name}, {measure}", score, None, 0.9, f"{len(table)} cases", unit="", at_least=True)
    table, cues = cases("kinds"), tuple(load_params("captions")[0].cues)
    table["found"] = [kind(text, lexicon.entities(text), cues) for text in table.sentence]
    wanted = table[table.kind != "other"]
    report("wanted sentences lost", (wanted.found == "other").mean(), None, 0.04, f"of {len(wanted)}", unit="share")
    rest = table[table.kind == "other"]
    report("other sentences kept", (rest.found != "other").mean(), None, 0.1, f"of {len(rest)}", unit="share")
    table = cases("titles")
    found = pd.Series([sub_pathology(title, "")[0]["field"] for title in table.title])
    right = (found == table.field.where(table.field != "", UNKNOWN)).mean()
    report("sub-pathology of titles", right, None, 0.8, f"of {len(table)}", unit="share", at_least=True)


def speed(lexicon: Lexicon) -> None:
    """Linking, negation and sorting of a million sentences."""
    lines = sentences(SAMPLE, seed=11)
    found = [lexicon.entities(line) for line in lines]
    cues = tuple(load_params("captions")[0].cues)
    note = f"seconds for a million sentences, scaled from {SAMPLE}"
    for name, limit, task in (
        ("linking", 60, lambda: [lexicon.entities(line) for line in lines]),
        ("negation", 600, lambda: [negated(line, one) for line, own in zip(lines, found, strict=True) for one in own]),
        ("sorting", 120, lambda: [kind(line, own, cues) for line, own in zip(lines, found, strict=True)]),
        ("personal data", 300, lambda: [personal_data(line, lexicon) for line in lines]),
    ):
        report(name, seconds(task) * MANY / SAMPLE, None, limit, note, unit="s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        build(load_params("lexicon")[0], Path(place), Path(place) / "metrics.json")
        terms = Lexicon(Path(place))
        quality(terms)
        speed(terms)
