"""What readers' answers say: rates with intervals, agreement, and how consistent and attentive readers are.

A rate is the mean over pairs of the share of readers who said yes; its interval is Wilson's for that many pairs, so
that several readers of one pair do not count as several pairs.
"""

import itertools
import math
from typing import Any

import pandas as pd
from scipy.stats import norm

from stages.audit.sample import STRATA, strata
from stages.common.reviews import ANSWERS, CANNOT_TELL, MISMATCH, NO, PAIR, QUESTIONS, REPEAT, YES, shown_items
from stages.common.stats import wilson

MATCH = "match"  # the question to which a mismatch is to be answered `no`
RATES = ["stratum", "value", "question", "pairs", "rate", "rate_low", "rate_high"]
DISAGREEMENTS = ["pair_id", "question", *ANSWERS, "comments"]


def answers_on(reviews: pd.DataFrame, dataset: pd.DataFrame) -> pd.DataFrame:
    """The answers in `reviews` as rows of reader, item, pair_id, role, comment, question and answer; without those on
    pairs that are no candidates of `dataset` any more."""
    items = shown_items(dataset if len(reviews) else dataset.head(0))
    rows = reviews.merge(items, on="item").melt(
        ["reader", "item", "pair_id", "role", "comment"], [*QUESTIONS], "question", "answer"
    )
    return rows[rows.answer != ""]


def review_metrics(reviews: pd.DataFrame, answers: pd.DataFrame) -> dict[str, Any]:
    """Metrics of all answers: by question, and of the controls by reader; nothing but counts where there are none."""
    pairs = answers[answers.role == PAIR]
    asked = {name: pairs[pairs.question == name] for name in QUESTIONS}
    given = reviews[(reviews[[*QUESTIONS]] != "").any(axis=1)]
    metrics = {
        "readers": reviews.reader.nunique(),
        "items": len(given),
        "items_gone": int((~given["item"].isin(answers["item"])).sum()),
        "answers": len(answers),
    }
    if answers.empty:
        return metrics
    return metrics | {
        "questions": {name: question_metrics(rows) for name, rows in asked.items() if len(rows)},
        "controls": {str(reader): control_metrics(rows) for reader, rows in answers.groupby("reader")},
    }


def question_metrics(rows: pd.DataFrame) -> dict[str, Any]:
    """The rate of yes and the agreement in the answers to one question; "cannot tell" counts in its own share alone."""
    table = _by_reader(rows)
    several = table[table.notna().sum(axis=1) > 1]
    return {
        **rate(rows),
        "cannot_tell": float((rows.answer == CANNOT_TELL).mean()),
        "read_by_several": len(several),
        "disagreements": int((several.nunique(axis=1) > 1).sum()),
        **agreement(table),
    }


def rate(rows: pd.DataFrame) -> dict[str, Any]:
    """How many pairs were answered yes or no, and the rate of yes with its interval, None where none was."""
    shares = _sure(rows).groupby("pair_id").answer.agg(lambda given: (given == YES).mean())
    return {"pairs": len(shares), **_with_interval("rate", float(shares.mean()), len(shares))}


def agreement(table: pd.DataFrame) -> dict[str, float | None]:
    """Agreement of readers beyond chance in a table of pairs by readers, NaN where a reader gave no answer.

    Cohen's kappa is the mean over every two readers, Fleiss' kappa is over the pairs that all readers answered,
    Krippendorff's alpha over those that two answered. None where it is not defined: no second reader, or one answer
    alone.
    """
    from nltk.metrics.agreement import AnnotationTask
    from sklearn.metrics import cohen_kappa_score

    kappas = []
    for one, other in itertools.combinations(table.columns, 2):
        both = table[[one, other]].dropna()
        if pd.unique(both.to_numpy().ravel()).size > 1:
            kappas.append(cohen_kappa_score(both[one], both[other]))
    full, several = table.dropna(), table[table.notna().sum(axis=1) > 1]

    def task(rows: pd.DataFrame) -> Any:
        """None where chance alone would agree always."""
        given = rows.stack()
        if rows.shape[1] < 2 or given.nunique() < 2:
            return None
        return AnnotationTask([(reader, pair, answer) for (pair, reader), answer in given.items()])

    fleiss, alpha = task(full), task(several)
    return {
        "cohen_kappa": float(sum(kappas) / len(kappas)) if kappas else None,
        "fleiss_kappa": float(fleiss.pi()) if fleiss else None,
        "krippendorff_alpha": float(alpha.alpha()) if alpha else None,
    }


def control_metrics(rows: pd.DataFrame) -> dict[str, Any]:
    """How attentive a reader is, the share of mismatches that were seen to be such, and how consistent, the share of
    answers that were the same when the pair was shown again."""
    seen = rows[(rows.role == MISMATCH) & (rows.question == MATCH)].answer == NO
    first, again = (rows[rows.role == role].set_index(["pair_id", "question"]).answer for role in (PAIR, REPEAT))
    both = pd.concat([first, again], axis=1, join="inner", keys=[PAIR, REPEAT])
    same = both[PAIR] == both[REPEAT]
    return {
        "mismatches": len(seen),
        **_with_interval("mismatches_found", float(seen.mean()), len(seen)),
        "repeated_answers": len(same),
        **_with_interval("repeated_alike", float(same.mean()), len(same)),
    }


def rates_by_stratum(answers: pd.DataFrame, dataset: pd.DataFrame) -> pd.DataFrame:
    """The rate of each question in each source, sub-pathology and band of confidence: the columns RATES."""
    known = pd.DataFrame(strata(dataset)).assign(pair_id=dataset.pair_id)
    pairs = answers[answers.role == PAIR].merge(known, on="pair_id")
    rows = [
        {"stratum": name, "value": value, "question": question, **rate(found)}
        for name in STRATA
        for (value, question), found in pairs.groupby([name, "question"])
    ]
    return pd.DataFrame(rows, columns=RATES)


def disagreements(answers: pd.DataFrame) -> pd.DataFrame:
    """Pairs of which one reader says yes and another no: who gave which answer, and their comments."""
    rows = []
    for (pair_id, question), given in answers[answers.role == PAIR].groupby(["pair_id", "question"]):
        if _sure(given).answer.nunique() > 1:
            readers = {answer: " ".join(sorted(given.reader[given.answer == answer])) for answer in ANSWERS}
            notes = " | ".join(f"{one.reader}: {one.comment}" for one in given.itertuples() if one.comment)
            rows.append({"pair_id": pair_id, "question": question, **readers, "comments": notes})
    return pd.DataFrame(rows, columns=DISAGREEMENTS)


def _sure(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.answer.isin([YES, NO])]


def _by_reader(rows: pd.DataFrame) -> pd.DataFrame:
    """The sure answers to one question, a row for each pair and a column for each reader."""
    return _sure(rows).pivot(index="pair_id", columns="reader", values="answer")


def _with_interval(name: str, share: float, count: int) -> dict[str, float | None]:
    low, high = wilson(share, count, float(norm.ppf(0.975))) if count else (math.nan, math.nan)
    numbers = {name: share, f"{name}_low": low, f"{name}_high": high}
    return {key: None if math.isnan(number) else number for key, number in numbers.items()}
