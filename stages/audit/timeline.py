"""Score holds, cuts, cursor boxes and pairs against gold labels of the video's timeline."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import pandas as pd

from stages.audit.gold import GoldSentence, GoldShot, GoldVideo

Span = tuple[float, float]
Part = TypeVar("Part", GoldShot, GoldSentence)

CUT_FRAMES = 2  # frames by which a cut may be off


def matched(found: list[Span], gold: list[Span], tolerance: float) -> list[tuple[int, int]]:
    """Pair spans whose starts and ends both agree within `tolerance` seconds; each span is used once."""
    pairs, free = [], set(range(len(gold)))
    for i, (start, end) in enumerate(found):
        near = [j for j in sorted(free) if abs(gold[j][0] - start) <= tolerance and abs(gold[j][1] - end) <= tolerance]
        if near:
            best = min(near, key=lambda j: abs(gold[j][0] - start) + abs(gold[j][1] - end))
            free.remove(best)
            pairs.append((i, best))
    return pairs


def f1(right: int, found: int, gold: int) -> dict[str, float]:
    """Precision, recall and F1 from counts."""
    precision, recall = right / max(found, 1), right / max(gold, 1)
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-9)}


def overlap(a: Span, b: Span) -> float:
    """Seconds that two spans share."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def iou(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def gold_holds(shots: list[GoldShot], min_hold_s: float) -> list[GoldShot]:
    """The shots of one video that keyframes should find: the camera rests, on histology, for long enough."""
    return [shot for shot in shots if shot.kind == "hold" and shot.histology and shot.end - shot.start >= min_hold_s]


def hold_metrics(
    gold: dict[str, GoldVideo], holds: dict[str, pd.DataFrame], min_hold_s: float, tolerance: float
) -> dict[str, Any]:
    """Metrics holds and magnification over all videos whose shots are labelled; none without any.

    A decoy should have no hold, except one that only its sound rules out: keyframes uses the picture alone.
    """
    labels = {name: label for name, label in gold.items() if label.shots is not None}
    if not labels:
        return {}
    right, found, wanted = 0, 0, 0
    sizes: list[tuple[float, int]] = []
    for name, label in labels.items():
        scored = not label.decoy or (label.decoy == "silent" and name in holds)
        truth = gold_holds(label.shots or [], min_hold_s) if scored else []
        table = holds.get(name, pd.DataFrame({"start_s": [], "end_s": [], "magnification": []}))
        pairs = matched(
            list(zip(table.start_s, table.end_s, strict=True)),
            [(shot.start, shot.end) for shot in truth],
            tolerance,
        )
        right, found, wanted = right + len(pairs), found + len(table), wanted + len(truth)
        levels = [(i, truth[j].magnification) for i, j in pairs]
        sizes += [(table.magnification.iloc[i], level) for i, level in levels if level is not None]
    metrics = {"holds": f1(right, found, wanted) | {"found": found, "gold": wanted, "videos": len(labels)}}
    return metrics | ({"magnification": magnification_metrics(sizes)} if sizes else {})


def magnification_metrics(sizes: list[tuple[float, int]]) -> dict[str, float | None]:
    """The share of holds whose magnification is known (not NaN), and the share of those in which it is right; of
    (found, true)."""
    known = [found == truth for found, truth in sizes if not math.isnan(found)]
    accuracy = sum(known) / len(known) if known else None
    return {"accuracy": accuracy, "answered": len(known) / len(sizes), "holds": len(sizes)}


def cut_metrics(gold: dict[str, GoldVideo], cuts: dict[str, list[float]], fps: dict[str, float]) -> dict[str, Any]:
    """Metric cuts over the videos that were scanned and kept and whose cuts are labelled, none without any; a cut is
    right within CUT_FRAMES frames."""
    labels = {name: label.cuts for name, label in gold.items() if name in cuts and label.cuts is not None}
    right = found = wanted = 0
    for name, truth in labels.items():
        times, tolerance = cuts[name], (CUT_FRAMES + 0.01) / fps[name]
        right += len(matched([(t, t) for t in times], [(t, t) for t in truth], tolerance))
        found, wanted = found + len(times), wanted + len(truth)
    return {"cuts": f1(right, found, wanted) | {"videos": len(labels)}} if labels else {}


def roi_metrics(gold: dict[str, GoldVideo], boxes: dict[str, pd.DataFrame], min_iou: float) -> dict[str, Any]:
    """Metric rois over the videos whose gestures are labelled, none without any: the share of gestures that a box of
    the same moment covers, and the mean overlap of those."""
    labels = {name: label.gestures for name, label in gold.items() if name in boxes and label.gestures is not None}
    if not labels:
        return {}
    overlaps = []
    for name, gestures in labels.items():
        table = boxes[name]
        for gesture in gestures:
            span = (gesture.start, gesture.end)
            same = [row for row in table.itertuples() if overlap(span, (row.start_s, row.end_s)) > 0]
            found = ([row.frame_x0, row.frame_y0, row.frame_x1, row.frame_y1] for row in same)
            overlaps.append(max((iou(gesture.box, box) for box in found), default=0.0))
    covered = [value for value in overlaps if value >= min_iou]
    return {
        "rois": {
            "gestures": len(overlaps),
            "covered": len(covered) / max(len(overlaps), 1),
            "iou": sum(overlaps) / max(len(overlaps), 1),
            "boxes": sum(len(boxes[name]) for name in labels),
            "videos": len(labels),
        }
    }


def pair_metrics(gold: dict[str, GoldVideo], pairs: pd.DataFrame, holds: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Metric pairs over the videos whose shots and sentences are labelled, none without any.

    Precision: a pair is right when the sentence spoken at that time is about the tissue on screen during the hold;
    pairs of which the labels leave the tissue out are not counted. Recall: the share of medical and region sentences
    with a right pair.
    """
    labels = {
        name: (label.shots, label.sentences)
        for name, label in gold.items()
        if name in holds and label.shots and label.sentences
    }
    scored_pairs, right, answered = 0, 0, set()
    for row in pairs[pairs.video_id.isin(list(labels))].itertuples():
        shots, lines = labels[row.video_id]
        hold = holds[row.video_id].set_index("hold_id").loc[row.hold_id]
        number, line = nearest(lines, (row.start_s, row.end_s))
        _, shot = nearest(shots, (hold.start_s, hold.end_s))
        if line.tissue is None or shot.tissue is None:
            continue
        scored_pairs += 1
        if line.tissue and line.tissue == shot.tissue:
            right += 1
            answered.add((row.video_id, number))
    wanted = {
        (name, number)
        for name in labels
        if name in set(pairs.video_id)
        for number, line in enumerate(labels[name][1])
        if line.kind in ("medical", "roi") and line.tissue is not None
    }
    if not scored_pairs:
        return {}
    return {
        "pairs": {
            "precision": right / scored_pairs,
            "recall": len(answered & wanted) / max(len(wanted), 1),
            "pairs": scored_pairs,
            "videos": len(labels),
        }
    }


def nearest(parts: Sequence[Part], span: Span) -> tuple[int, Part]:
    """The part that shares most time with `span`, and its number."""
    return max(enumerate(parts), key=lambda pair: overlap(span, (pair[1].start, pair[1].end)))
