"""Score transcripts and their corrections: word error rate, medical terms, sub-pathology."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stages.audit.gold import GoldVideo
from stages.common.tables.captions import Captions
from stages.common.tables.transcripts import Transcript
from stages.common.text.lexicon import Lexicon


def normalise(text: str) -> str:
    """Lower case, hyphens as spaces, no punctuation: the form in which word errors are counted."""
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("-", " ")).split())


def word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Word errors per reference word over all texts (jiwer)."""
    import jiwer

    return float(jiwer.wer([normalise(text) for text in references], [normalise(text) for text in hypotheses]))


def term_scores(lexicon: Lexicon, references: Sequence[str], hypotheses: Sequence[str]) -> tuple[float, float]:
    """Return (recall, precision) of the concepts in each reference among those in its hypothesis, as multisets."""
    right = in_references = in_hypotheses = 0
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        gold, found = (concepts(lexicon, text) for text in (reference, hypothesis))
        right += sum((gold & found).values())
        in_references += sum(gold.values())
        in_hypotheses += sum(found.values())
    return right / max(in_references, 1), right / max(in_hypotheses, 1)


def mended_and_spoiled(reference: str, raw: str, corrected: str) -> tuple[int, int]:
    """How many words were said that only `corrected` has, and how many that only `raw` has, as multisets.

    A spoiled word is a false correction: it was right.
    """
    said, before, after = (Counter(normalise(text).split()) for text in (reference, raw, corrected))
    right, still = said & before, said & after
    return (still - right).total(), (right - still).total()


def concepts(lexicon: Lexicon, text: str) -> Counter[str]:
    """How often each concept is mentioned in a text."""
    return Counter(entity.id for entity in lexicon.entities(normalise(text)))


def text_metrics(
    gold: dict[str, GoldVideo], transcripts: dict[str, Transcript], captions: dict[str, Captions], lexicon: Lexicon
) -> dict[str, Any]:
    """Metrics asr, terms and corrections over the captioned videos whose words are labelled; none without any."""
    spoken = {name: gold[name].sentences for name in sorted(captions) if name in gold}
    names = [name for name, lines in spoken.items() if lines]
    if not names:
        return {}
    references = [" ".join(line.text for line in spoken[name] or []) for name in names]
    raw = [" ".join(word["word"] for part in transcripts[name]["segments"] for word in part["words"]) for name in names]
    corrected = [" ".join(line["text"] for line in captions[name]["sentences"]) for name in names]
    texts = zip(references, raw, corrected, strict=True)
    mended, spoiled = map(sum, zip(*(mended_and_spoiled(*one) for one in texts), strict=True))
    recall_raw, precision_raw = term_scores(lexicon, references, raw)
    recall_clean, precision_clean = term_scores(lexicon, references, corrected)
    return {
        "asr": {
            "wer_raw": word_error_rate(references, raw),
            "wer_clean": word_error_rate(references, corrected),
            "words_mended": mended,
            "words_spoiled": spoiled,
            "videos": len(names),
        },
        "terms": {
            "recall_raw": recall_raw,
            "recall_clean": recall_clean,
            "precision_raw": precision_raw,
            "precision_clean": precision_clean,
        },
        "corrections": correction_scores(dict(zip(names, references, strict=True)), captions),
    }


def field_metrics(gold: dict[str, GoldVideo], captions: dict[str, Captions]) -> dict[str, Any]:
    """Metric sub_pathology over the captioned videos whose field is labelled; none without any."""
    names = [name for name in sorted(captions) if name in gold and gold[name].field]
    right = sum(captions[name]["sub_pathology"][0]["field"] == gold[name].field for name in names)
    return {"sub_pathology": {"top1": right / len(names), "videos": len(names)}} if names else {}


def correction_scores(references: dict[str, str], captions: dict[str, Captions]) -> dict[str, Any]:
    """For each way of finding errors (paper 5b: conditioned or not) the corrections made, and the share of them whose
    new words were spoken in the video."""
    spoken = {name: f" {normalise(text)} " for name, text in references.items()}
    counts, right = Counter[str](), Counter[str]()
    for name, text in spoken.items():
        for fix in (fix for line in captions[name]["sentences"] for fix in line["corrections"]):
            counts[fix["by"]] += 1
            right[fix["by"]] += f" {normalise(fix['to'])} " in text
    return {by: {"made": counts[by], "precision": right[by] / counts[by]} for by in sorted(counts)}
