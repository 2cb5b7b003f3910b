"""Term correction and entity linking: harm to right text, repair of mishearings, speech of unseen seeds, and speed."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.signal import resample_poly

from benchmarks import report, seconds
from benchmarks.narration import sentences
from stages.audit.text import concepts, mended_and_spoiled, term_scores, word_error_rate
from stages.captions.correct import Corrector
from stages.captions.sentences import sentences as cut
from stages.captions.sort import sub_pathology
from stages.common.models.device import cores
from stages.common.stage.params import load_params
from stages.common.tables.lexicon import TERMS
from stages.common.text.lexicon import Lexicon
from stages.demo.script import Script, cast, write
from stages.demo.voice import SAMPLE_RATE as SPOKEN_RATE
from stages.lexicon.build import build
from stages.transcripts import recogniser
from stages.transcripts.sound import SAMPLE_RATE, Samples

SEEDS = (101, 102)
MANY, SAMPLE = 1_000_000, 100_000
MISHEARINGS, RIGHT_TEXT = (Path(__file__).parent / name for name in ("mishearings.csv", "right_text.csv"))


def sound_of(script: Script) -> Samples:
    """What a script's narrator says, each line at its time."""
    out = np.zeros(round(script.now * SAMPLE_RATE), np.float32)
    for line in script.lines:
        spoken = resample_poly(line.speech.samples, SAMPLE_RATE, SPOKEN_RATE).astype(np.float32)
        begin = round(line.start * SAMPLE_RATE)
        out[begin : begin + len(spoken)] = spoken[: len(out) - begin]
    return out


def unseen(corrector: Corrector) -> None:
    """Lectures of other seeds, spoken and recognised: word errors, terms, damage, sub-pathology."""
    params, captions = load_params("transcripts")[0], load_params("captions")[0]
    pipeline = recogniser.load(params, "cpu", cores())
    said, raw, clean, ranks = [], [], [], []
    for seed in SEEDS:
        for row in (row for row in cast("small") if not row[3]):
            script = write(*row, seed=seed, holds=3)
            heard = recogniser.transcribe(pipeline, [sound_of(script)], params, "cpu")
            words = [word for part in heard["segments"] for word in part["words"]]
            lines = [sentence.text for sentence in cut(words, captions.nltk_data)]
            said.append(" ".join(line.text for line in script.lines))
            raw.append(" ".join(lines))
            clean.append(" ".join(corrector.correct(line).text for line in lines))
            fields = [one["field"] for one in sub_pathology("", clean[-1], top=3)]
            ranks.append(fields.index(script.field_name) if script.field_name in fields else 99)
    before, after = word_error_rate(said, raw), word_error_rate(said, clean)
    report("word errors, cleaned", after, before, 0.8, f"{len(said)} lectures of unseen seeds, against raw", unit="WER")
    recall_raw, _ = term_scores(corrector.lexicon, said, raw)
    recall, precision = term_scores(corrector.lexicon, said, clean)
    report("terms, recall", recall, None, 0.95, f"raw {recall_raw:.3f}", unit="", at_least=True)
    report("terms, precision", precision, None, 0.95, "concepts", unit="", at_least=True)
    total = sum(len(text.split()) for text in said)
    hurt = sum(mended_and_spoiled(*texts)[1] for texts in zip(said, raw, clean, strict=True))
    report("damaged words", hurt / total, None, 0.001, f"{hurt} of {total} words", unit="share")
    note = "without titles, from what was said alone"
    first, three = (sum(rank < top for rank in ranks) / len(ranks) for top in (1, 3))
    report("sub-pathology, top 1", first, None, 0.87, note, unit="", at_least=True)
    report("sub-pathology, top 3", three, None, 0.95, note, unit="", at_least=True)


def right_text(corrector: Corrector) -> None:
    """Corrections of text without any mishearing: each is a false one."""
    table = pd.read_csv(RIGHT_TEXT, keep_default_na=False)
    glossary = pd.DataFrame({"kind": "glossary", "said": sentences(500, seed=99)})
    for kind, texts in pd.concat([table, glossary]).groupby("kind").said:
        made = [fix for text in texts for fix in corrector.correct(text).made]
        words = sum(len(text.split()) for text in texts)
        note = "; ".join([f"{words} words", *(f"{fix.from_} -> {fix.to}" for fix in made)])
        report(f"false corrections, {kind}", 1000 * len(made) / words, None, 0.2, note, unit="per 1,000 words")


def mishearings(corrector: Corrector) -> None:
    """Words mended and spoiled in what Whisper heard of glossary terms and of right text, and terms repaired."""
    glossary, right = (pd.read_csv(path, keep_default_na=False) for path in (MISHEARINGS, RIGHT_TEXT))
    spoken = {f"glossary, {split}": rows for split, rows in glossary.groupby("split")}
    for name, rows in {**spoken, "right text, spoken": right[right.heard != ""]}.items():
        said, heard = rows.said.tolist(), rows.heard.tolist()
        clean = [corrector.correct(text).text for text in heard]
        counts = [mended_and_spoiled(*texts) for texts in zip(said, heard, clean, strict=True)]
        mended, spoiled = (sum(numbers) for numbers in zip(*counts, strict=True))
        note = f"{mended} words mended, {spoiled} spoiled, in {len(rows)} sentences"
        report(f"mended : spoiled, {name}", mended / max(spoiled, 1), None, 10, note, unit="", at_least=True)
        before, after = (word_error_rate(said, texts) for texts in (heard, clean))
        report(f"word errors, {name}", after, before, 1, "against those before correction", unit="WER")
        missed, still = (missing(corrector.lexicon, said, texts) for texts in (heard, clean))
        note = f"{missed - still} of {missed} mentions"
        report(f"terms repaired, {name}", 1 - still / missed, None, 0.3, note, unit="share", at_least=True)


def missing(lexicon: Lexicon, said: list[str], heard: list[str]) -> int:
    """How many mentions of concepts were said and not heard."""
    pairs = zip(said, heard, strict=True)
    return sum((concepts(lexicon, gold) - concepts(lexicon, found)).total() for gold, found in pairs)


def linking(lexicon: Lexicon) -> None:
    """Entities a second, against spaCy's PhraseMatcher over the same names."""
    import spacy
    from spacy.matcher import PhraseMatcher
    from spacy.util import filter_spans

    text = sentences(2000, seed=5)
    language = spacy.blank("en")
    matcher = PhraseMatcher(language.vocab, attr="LOWER")
    plain = lexicon.terms[~lexicon.terms.abbreviation]
    matcher.add("term", list(language.pipe(plain.term)))

    def theirs() -> list[set[str]]:
        return [
            {span.text.lower() for span in filter_spans(matcher(doc, as_spans=True))} for doc in language.pipe(text)
        ]

    def ours() -> list[set[str]]:
        return [{entity.term.lower() for entity in lexicon.entities(line)} for line in text]

    rate, peer = len(text) / seconds(ours), len(text) / seconds(theirs)
    note = f"sentences a second over {len(plain)} names, against spaCy's PhraseMatcher"
    report("entity linking", rate, peer, 5, note, unit="1/s", at_least=True)
    same = float(np.mean([a == b for a, b in zip(ours(), theirs(), strict=True)]))
    report("entity linking, same matches", same, None, 0.99, "share of sentences", unit="", at_least=True)


def index(folder: Path) -> None:
    """Seconds to build the index, and to load it."""
    took = seconds(lambda: build(load_params("lexicon")[0], folder, folder / "metrics.json"), rounds=1)
    report("index built", took, None, 30, f"{len(TERMS.read(folder / TERMS.path.name))} names", unit="s")
    report("index loaded", seconds(lambda: Lexicon(folder), rounds=1), None, 30, "once per process", unit="s")


def correct_all(folder: Path, part: list[str]) -> tuple[float, float]:
    """Correct sentences; return megabytes held after a tenth of them and at the end."""
    import psutil

    corrector = Corrector(Lexicon(folder), load_params("captions")[0])
    early = 0.0
    for number, text in enumerate(part):
        corrector.lexicon.entities(corrector.correct(text).text)
        if number == len(part) // 10:
            early = psutil.Process().memory_info().rss / 2**20
    return early, psutil.Process().memory_info().rss / 2**20


def many(folder: Path) -> None:
    """A sample of the sentences of a whole run, misspelt at random so that no cache helps too much."""
    rng = np.random.default_rng(0)
    lines = [misspelt(line, rng) for line in sentences(SAMPLE // 10, seed=8) for _ in range(10)]
    parts = [lines[n :: cores()] for n in range(cores())]
    began = time.perf_counter()
    held = Parallel(n_jobs=cores())(delayed(correct_all)(folder, part) for part in parts)
    took = (time.perf_counter() - began) / SAMPLE * MANY
    report("a million sentences", took, None, 900, f"scaled from {SAMPLE} on {os.cpu_count()} cores", unit="s")
    growth = max(late / early for early, late in held)
    report("memory of a million sentences", growth, None, 1.2, "at the end against a tenth of the way", unit="x")


def misspelt(line: str, rng: np.random.Generator) -> str:
    """`line`; one of its words, chosen at random, has two letters exchanged in every third."""
    words = line.split()
    n = int(rng.integers(len(words)))
    if len(words[n]) > 5 and rng.random() < 0.33:
        k = int(rng.integers(1, len(words[n]) - 2))
        words[n] = words[n][:k] + words[n][k + 1] + words[n][k] + words[n][k + 2 :]
    return " ".join(words)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        index(home)
        terms = Lexicon(home)
        mender = Corrector(terms, load_params("captions")[0])
        right_text(mender)
        mishearings(mender)
        unseen(mender)
        linking(terms)
        many(home)
