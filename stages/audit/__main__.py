"""Score curation against gold labels and the answers of readers, where there are any; make the page for readers."""

from pathlib import Path
from typing import Any

from stages.audit.params import Params
from stages.common.paths import (
    AUDIT_DIR,
    CAPTIONS_DIR,
    DATASET_DIR,
    FRAME_FILTER_DIR,
    KEYFRAMES_DIR,
    LEXICON_DIR,
    REVIEW_KEY_FILE,
    REVIEW_PAGE_FILE,
    REVIEWS_DIR,
    ROIS_DIR,
    VIDEOS_DIR,
    metrics_file,
)
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base

# Columns of the dataset's table; with all of them a million rows take gigabytes.
LOOKED_AT = ["pair_id", "source", "group", "video_id", "image", "start_s", "end_s", "text", "box", "sub_pathology"]
LOOKED_AT += ["magnification", "magnification_how", "confidence", "split", "drop", "text_group"]


def run(params: Params, base: Base) -> dict[str, Any]:
    """Write reports/metrics/audit.json, the review page with its key, and the tables of reports/audit."""
    import pyarrow as pa

    from stages.common.data.files import write_json
    from stages.common.tables.dataset import DATASET_TABLE

    dataset = DATASET_TABLE.read(DATASET_TABLE.at(), LOOKED_AT)
    pa.default_memory_pool().release_unused()  # what Arrow keeps of the file for later
    review = _review(params, base, dataset)
    metrics = _scores(params, base, dataset) | {"review": review}
    write_json(metrics_file("audit"), metrics)
    gold = metrics["gold"]
    return {
        "items": review["shown"],
        "readers": review["readers"],
        "with gold labels": f"{gold['videos']} of {gold['of']} videos",
    }


def _review(params: Params, base: Base, dataset: Any) -> dict[str, Any]:
    """Make the review page with its key, and tables of what readers answered; return metrics of both."""
    from stages.audit.ratings import answers_on, disagreements, rates_by_stratum, review_metrics
    from stages.audit.review import build_page
    from stages.audit.sample import draw_items, stratum_sizes
    from stages.common.data.files import write_bytes
    from stages.common.reviews import ROLES, read_reviews
    from stages.common.stage.notes import NOTE, OF_THE_DEMO
    from stages.common.tables.captions import CAPTIONS

    reviews = read_reviews(REVIEWS_DIR)
    answers = answers_on(reviews, dataset)
    kept = dataset[dataset.split != ""].fillna(dict.fromkeys(("video_id", "sub_pathology", "magnification_how"), ""))
    items = draw_items(kept, params.sample, params.repeated, params.mismatched, base.seed)
    shown = kept[kept.pair_id.isin([*items.pair_id, *items.text_of])]
    videos = sorted({*shown.video_id} - {""})
    sentences = {name: CAPTIONS.read(CAPTIONS.at(id=name))["sentences"] for name in videos}
    demo = OF_THE_DEMO in (DATASET_DIR / NOTE).read_text(encoding="utf-8")
    page = build_page(items, shown, sentences, params.max_page_mb, REVIEW_PAGE_FILE, demo)
    tables = {
        REVIEW_KEY_FILE: items,
        AUDIT_DIR / "strata.csv": stratum_sizes(kept, items),
        AUDIT_DIR / "rates.csv": rates_by_stratum(answers, dataset),
        AUDIT_DIR / "disagreements.csv": disagreements(answers),
    }
    for path, table in tables.items():
        write_bytes(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    roles = {f"shown_as_{role}": int((items.role == role).sum()) for role in ROLES}
    return {"shown": len(items), **roles, **page, **review_metrics(reviews, answers)}


def _scores(params: Params, base: Base, dataset: Any) -> dict[str, Any]:
    """Every score that gold labels allow, and of how many of the catalog's videos there are any."""
    from stages.audit.copies import copy_metrics
    from stages.audit.frames import frame_metrics
    from stages.audit.gold import read_exports, read_videos
    from stages.audit.text import field_metrics, text_metrics
    from stages.audit.timeline import cut_metrics, hold_metrics, pair_metrics, roi_metrics
    from stages.common.data.tars import read_tar
    from stages.common.incremental.manifest import finished
    from stages.common.models.device import pick_device
    from stages.common.stage.params import load_params
    from stages.common.tables.captions import CAPTIONS
    from stages.common.tables.keyframes import CUTS, CUTS_MEMBER, HOLDS, tar_of
    from stages.common.tables.pairs import PAIR_TABLE
    from stages.common.tables.rois import BOXES
    from stages.common.tables.transcripts import TRANSCRIPT
    from stages.common.tables.videos import STATUS_TABLE, VIDEO_TABLE
    from stages.common.text.lexicon import load_lexicon

    folder, listed = Path(params.gold), set(STATUS_TABLE.read(STATUS_TABLE.at()).id)
    labels = read_videos(folder)
    gold = {name: label for name, label in labels.items() if name in listed}
    if labels and not gold:
        print(f"audit: no id in {folder / 'videos.json'} is a video of the catalog: no video is scored", flush=True)
    keyframes, _ = load_params("keyframes")
    device = pick_device(base.device)
    names = {
        folder.name: [name for name in finished(folder).id if name in gold]
        for folder in (KEYFRAMES_DIR, CAPTIONS_DIR, ROIS_DIR)
    }
    holds = {name: HOLDS.read(HOLDS.at(id=name)).drop_duplicates("hold_id") for name in names["keyframes"]}
    cuts = {
        name: CUTS.read_bytes(read_tar(at := tar_of(name), [CUTS_MEMBER])[CUTS_MEMBER], f"{at}#{CUTS_MEMBER}")
        for name in names["keyframes"]
    }
    videos = VIDEO_TABLE.read(VIDEO_TABLE.at()).set_index("video_id")
    media = {name: VIDEOS_DIR / file for name, file in videos.file.items()}
    boxes = {name: BOXES.read(BOXES.at(id=name)) for name in names["rois"]}
    transcripts = {name: TRANSCRIPT.read(TRANSCRIPT.at(id=name)) for name in names["captions"]}
    captions = {name: CAPTIONS.read(CAPTIONS.at(id=name)) for name in names["captions"]}
    pairs = PAIR_TABLE.read(PAIR_TABLE.at(), ["video_id", "hold_id", "start_s", "end_s"])
    return {
        "gold": {"videos": len(gold), "of": len(listed)},
        **text_metrics(gold, transcripts, captions, load_lexicon(LEXICON_DIR)),
        **field_metrics(gold, captions),
        **hold_metrics(gold, holds, keyframes.min_hold_s, params.tolerance_s),
        **cut_metrics(gold, cuts, videos.fps.to_dict()),
        **roi_metrics(gold, boxes, params.min_iou),
        **pair_metrics(gold, pairs, holds),
        **copy_metrics(read_exports(folder), dataset),
        **frame_metrics(gold, media, FRAME_FILTER_DIR, base.jobs, base.seed, device),
    }


if __name__ == "__main__":
    run_stage("audit", run, __doc__)
