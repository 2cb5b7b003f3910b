"""Where stages put what they make, written once; dvc.yaml says the same, and a test compares the two."""

from pathlib import Path

DATA_DIR, MODELS_DIR, REPORTS_DIR = Path("data"), Path("models"), Path("reports")

VIDEOS_DIR = DATA_DIR / "videos"
MEDIA_DIR = VIDEOS_DIR / "media"
PRESCREENED_DIR = VIDEOS_DIR / "prescreened"
KEYFRAMES_DIR = DATA_DIR / "keyframes"
TRANSCRIPTS_DIR = DATA_DIR / "transcripts"
ROIS_DIR = DATA_DIR / "rois"
CAPTIONS_DIR = DATA_DIR / "captions"
PAIRS_DIR = DATA_DIR / "pairs"
SOURCES_DIR = DATA_DIR / "sources"
MORE_SOURCES_DIR = SOURCES_DIR / "more"  # sources of the user's own
FINGERPRINTS_DIR = DATA_DIR / "fingerprints"
DATASET_DIR = DATA_DIR / "dataset"
EMBEDDINGS_DIR = DATA_DIR / "embeddings"
KEYS_DIR = DATA_DIR / "keys"  # of the items of incremental stages; DVC tracks a file for each folder of items
CHECKED_FILE = DATA_DIR / "preflight" / "checked.json"

FRAME_FILTER_DIR = MODELS_DIR / "frame_filter"
MAGNIFICATION_DIR = MODELS_DIR / "magnification"
LEXICON_DIR = MODELS_DIR / "lexicon"
QUILTNET_DIR = MODELS_DIR / "quiltnet"

METRICS_DIR = REPORTS_DIR / "metrics"
PLOTS_DIR = REPORTS_DIR / "plots"
CHARTS_DIR = PLOTS_DIR / "charts"
VEGA_FILE = PLOTS_DIR / "vega.js"  # what draws the charts of `dvc plots`
TRAINING_CURVE_FILE = PLOTS_DIR / "quiltnet.csv"
SHEETS_DIR = REPORTS_DIR / "keyframes"
EVALUATION_DIR = REPORTS_DIR / "evaluation"
AUDIT_DIR = REPORTS_DIR / "audit"
REVIEW_PAGE_FILE = REPORTS_DIR / "review.html"
REVIEW_KEY_FILE = DATA_DIR / "audit" / "key.csv"
LIVE_DIR = REPORTS_DIR / "live" / "quiltnet"
PAGE_FILE = REPORTS_DIR / "index.html"
SUMMARY_FILE = REPORTS_DIR / "summary.json"
ALL_METRICS_FILE = REPORTS_DIR / "metrics.json"  # those of METRICS_DIR in one file, for Git
STEPS_PICTURE_FILE = REPORTS_DIR / "steps.webp"  # in the README
SEARCH_PAGE_FILE = REPORTS_DIR / "search.html"
TABLES_DIR = REPORTS_DIR / "tables"

# Not outputs of dvc.yaml: the demo world has a dvc.yaml of its own, Git tracks NAMED_DIR and REVIEWS_DIR, and nothing
# tracks the rest.
DEMO_DIR = DATA_DIR / "demo"
NAMED_DIR = DATA_DIR / "named"
REVIEWS_DIR = DATA_DIR / "reviews"  # what readers of the review page answered
UNCERTAIN_DIR = DATA_DIR / "uncertain"
DOWNLOADS_DIR = SOURCES_DIR / ".downloads"
UNFINISHED_DIR = SOURCES_DIR / ".unfinished"  # what a source that was killed goes on from
PARTIAL_DIR = VIDEOS_DIR / ".partial"
FINGERPRINTS_STATE_DIR = DATA_DIR / ".fingerprints"
TRAINING_STATE_DIR = MODELS_DIR / ".quiltnet"
TIMINGS_DIR = REPORTS_DIR / "timings"
LOGS_DIR = REPORTS_DIR / "logs"
COMPARISON_DIR = REPORTS_DIR / "comparison"  # what commands beside the pipeline compare
VECTORS_DIR = Path(".cache/vectors")  # what those commands embed


def metrics_file(stage: str) -> Path:
    """Where a stage, or a part of one, writes its metrics."""
    return METRICS_DIR / f"{stage}.json"
