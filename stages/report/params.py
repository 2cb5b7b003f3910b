"""Parameters of the stage `report`."""

from typing import ClassVar

from pydantic import Field

from stages.common.stage.notes import PLACES
from stages.common.stage.params import ParamsModel

# Those of profiles/quilt1m that shape results, but for folders: the page says where a run differs.
OF_THE_PAPER = (
    *(f"frame_filter.{name}" for name in ("backbone", "size")),
    *(f"videos.{name}" for name in ("search", "min_duration_s", "max_duration_s", "max_size_mb")),
    *(f"transcripts.{name}" for name in ("model", "compute_type")),
    "pairs.rule",
    *(f"dataset.{name}" for name in ("val_share", "test_share")),
    *(f"quiltnet.{name}" for name in ("model", "start")),
    *(f"quiltnet.{name}" for name in ("epochs", "epoch_of", "keep", "batch_size", "lr", "warmup", "lock_text")),
    *(f"quiltnet.{name}" for name in ("mask_false_negatives", "clip_norm", "crop_scale", "color_jitter", "precision")),
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
