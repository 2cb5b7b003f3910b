"""Parameters of the stage `report`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.notes import PLACES
from stages.common.stage.params import ParamsModel

# Those of profiles/quilt1m that shape results, but for folders: the page says where a run differs.
OF_THE_PAPER = (
    *("frame_filter.backbone", "frame_filter.size"),
    *("videos.search", "videos.min_duration_s", "videos.max_duration_s", "videos.max_size_mb"),
    *("transcripts.model", "transcripts.compute_type", "pairs.rule", "dataset.val_share", "dataset.test_share"),
    *("quiltnet.model", "quiltnet.start", "quiltnet.epochs", "quiltnet.epoch_of", "quiltnet.keep"),
    *("quiltnet.batch_size", "quiltnet.lr", "quiltnet.warmup", "quiltnet.lock_text", "quiltnet.precision"),
    *("quiltnet.mask_false_negatives", "quiltnet.clip_norm", "quiltnet.crop_scale", "quiltnet.color_jitter"),
    "evaluation.protocol",
)


class Params(ParamsModel):
    """The title and note of the report, and how many pairs its galleries show."""

    uses: ClassVar = (
        *("base.seed", "dataset.sources", "evaluation.evalsets", "audit.gold", "frame_filter.frames"),
        *PLACES,
        *OF_THE_PAPER,
    )

    title: str
    note: str
    gallery: int = Field(ge=0)
