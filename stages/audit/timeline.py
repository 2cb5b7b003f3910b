"""Score holds, cuts, cursor boxes and pairs against what the demo's camera really did."""

from typing import Any

import pandas as pd

Span = tuple[float, float]

CUT_FRAMES = 2  # by which a cut may be off


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


def gold_holds(label: dict[str, Any], min_hold_s: float) -> list[dict[str, Any]]:
    """The shots of one video that should be found: still, histology, long enough."""
    return [
        shot
        for shot in label["shots"]
        if shot["kind"] == "hold" and shot["histology"] and shot["end"] - shot["start"] >= min_hold_s
    ]


def hold_metrics(
    gold: dict[str, Any], holds: dict[str, pd.DataFrame], min_hold_s: float, tolerance: float
) -> dict[str, Any]:
    """Metrics holds and magnification over all videos that should have holds or have some."""
    right, found, wanted, sizes = 0, 0, 0, []
    for name, label in gold.items():
        truth = [] if label["decoy"] else gold_holds(label, min_hold_s)
        if label["decoy"] == "silent" and name in holds:
            truth = gold_holds(label, min_hold_s)
        table = holds.get(name, pd.DataFrame({"start_s": [], "end_s": [], "magnification": []}))
        pairs = matched(
            list(zip(table.start_s, table.end_s, strict=True)),
            [(shot["start"], shot["end"]) for shot in truth],
            tolerance,
        )
        right, found, wanted = right + len(pairs), found + len(table), wanted + len(truth)
        sizes += [int(table.magnification.iloc[i]) == truth[j]["magnification"] for i, j in pairs]
    return {
        "holds": f1(right, found, wanted) | {"found": found, "gold": wanted},
        "magnification": {"accuracy": sum(sizes) / max(len(sizes), 1)},
    }


def cut_metrics(gold: dict[str, Any], cuts: dict[str, list[float]], fps: dict[str, float]) -> dict[str, Any]:
    """Metric cuts over the videos that were scanned and kept; a cut is right within CUT_FRAMES frames."""
    right = found = wanted = 0
    for name, times in cuts.items():
        truth, tolerance = gold[name]["cuts"], (CUT_FRAMES + 0.01) / fps[name]
        right += len(matched([(t, t) for t in times], [(t, t) for t in truth], tolerance))
        found, wanted = found + len(times), wanted + len(truth)
    return {"cuts": f1(right, found, wanted)}


def roi_metrics(gold: dict[str, Any], boxes: dict[str, pd.DataFrame], min_iou: float) -> dict[str, Any]:
    """Metric rois: the share of gestures that a box of the same moment covers, and the mean overlap of those."""
    overlaps = []
    for name, table in boxes.items():
        for gesture in gold[name]["gestures"]:
            span = (gesture["start"], gesture["end"])
            same = [row for row in table.itertuples() if overlap(span, (row.start_s, row.end_s)) > 0]
            overlaps.append(max((iou(gesture["box"], [row.x0, row.y0, row.x1, row.y1]) for row in same), default=0.0))
    covered = [value for value in overlaps if value >= min_iou]
    return {
        "rois": {
            "gestures": len(overlaps),
            "covered": len(covered) / max(len(overlaps), 1),
            "iou": sum(overlaps) / max(len(overlaps), 1),
            "boxes": sum(len(table) for table in boxes.values()),
        }
    }


def pair_metrics(gold: dict[str, Any], pairs: pd.DataFrame, holds: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Metric pairs: precision, a pair being right when the sentence said then speaks of the tissue on screen during
    the hold; recall, the share of medical and region sentences of the kept videos with a right pair."""
    right, answered = 0, set()
    for row in pairs.itertuples():
        label = gold[row.video_id]
        hold = holds[row.video_id].set_index("chunk_id").loc[row.chunk_id]
        number, line = max(
            enumerate(label["sentences"]),
            key=lambda pair: overlap((row.start_s, row.end_s), (pair[1]["start"], pair[1]["end"])),
        )
        shot = max(label["shots"], key=lambda one: overlap((hold.start_s, hold.end_s), (one["start"], one["end"])))
        if line["tissue"] and line["tissue"] == shot["tissue"]:
            right += 1
            answered.add((row.video_id, number))
    wanted = sum(line["kind"] != "other" for name in pairs.video_id.unique() for line in gold[name]["sentences"])
    return {
        "pairs": {
            "precision": right / max(len(pairs), 1),
            "recall": len(answered) / max(wanted, 1),
            "pairs": len(pairs),
        }
    }
