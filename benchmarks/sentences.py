"""Ends of sentences found again by pauses, marks and capitals taken away, in the transcripts that the last `dvc repro`
of a demo world left in data/. The marks that the recogniser set are the truth."""

from itertools import accumulate

from benchmarks import report
from stages.captions.sentences import sentences
from stages.common.incremental.manifest import finished
from stages.common.paths import TRANSCRIPTS_DIR
from stages.common.stage.params import load_params
from stages.common.tables.transcripts import TRANSCRIPT, Word


def ends(words: list[Word], nltk_data: str) -> tuple[set[int], set[int]]:
    """Numbers of words after which a sentence ends: as they were punctuated, and as found without that."""
    truth = {n for n, word in enumerate(words, start=1) if word["word"][-1] in ".?!"}
    bare: list[Word] = []
    for word in words:
        plain = word.copy()
        plain["word"] = word["word"].strip(".,;:?!").lower() or word["word"]
        bare.append(plain)
    found = set(accumulate(len(sentence.times) for sentence in sentences(bare, nltk_data)))
    return truth - {len(words)}, found - {len(words)}


if __name__ == "__main__":
    nltk_data = load_params("captions")[0].nltk_data
    right = there = said = 0
    for name in finished(TRANSCRIPTS_DIR).id:
        segments = TRANSCRIPT.read(TRANSCRIPT.at(id=name))["segments"]
        truth, found = ends([word for segment in segments for word in segment["words"]], nltk_data)
        right, there, said = right + len(truth & found), there + len(found), said + len(truth)
    note = f"{said} ends of the demo's sentences, without their marks"
    report("sentences, precision", right / there, None, 0.8, note, unit="", at_least=True)
    report("sentences, recall", right / said, None, 0.8, note, unit="", at_least=True)
