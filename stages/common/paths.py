"""Where stages put what they make, written once; dvc.yaml says the same, and a test compares the two."""

from pathlib import Path

DATA_DIR, MODELS_DIR, REPORTS_DIR = Path("data"), Path("models"), Path("reports")

VIDEOS_DIR = DATA_DIR / "videos"
MEDIA_DIR = VIDEOS_DIR / "media"
PRESCREENED_DIR = VIDEOS_DIR / "prescreened"
LISTINGS_FILE = VIDEOS_DIR / "listings.json"
KEYFRAMES_DIR = DATA_DIR / "keyframes"
TRANSCRIPTS_DIR = DATA_DIR / "transcripts"
ROIS_DIR = DATA_DIR / "rois"
CAPTIONS_DIR = DATA_DIR / "captions"
PAIRS_DIR = DATA_DIR / "pairs"
SOURCES_DIR = DATA_DIR / "sources"
FINGERPRINTS_DIR = DATA_DIR / "fingerprints"
DATASET_DIR = DATA_DIR / "dataset"
EMBEDDINGS_DIR = DATA_DIR / "embeddings"
KEYS_DIR = DATA_DIR / "keys"  # of the items of incremental stages; DVC tracks a file for each folder of items

FRAME_FILTER_DIR = MODELS_DIR / "frame_filter"
LEXICON_DIR = MODELS_DIR / "lexicon"
QUILTNET_DIR = MODELS_DIR / "quiltnet"

METRICS_DIR = REPORTS_DIR / "metrics"
PLOTS_DIR = REPORTS_DIR / "plots"


def metrics_file(stage: str) -> Path:
    """Where a stage, or a part of one, writes its metrics."""
    return METRICS_DIR / f"{stage}.json"
