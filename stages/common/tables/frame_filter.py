"""What stage frame_filter writes beside weights: what kind of filter they make."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import FRAME_FILTER_DIR
from stages.common.tables.schema import Record


class FilterKind(TypedDict):
    """All that a published frame filter says of itself: its networks are known."""

    kind: Annotated[Literal["logistic", "published"], Field(description="heads on a backbone, or a published ensemble")]


class FilterSpec(FilterKind):
    """What a frame filter says of itself; a published one, whose networks are known, only its `kind`."""

    backbone: Annotated[str, Field(description="timm model that gives the features")]
    weights: Annotated[str, Field(description="its weights: a file, one in a package, hub, or empty")]
    weights_digest: Annotated[str, Field(description="SHA-256 of that file, or empty")]
    size: Annotated[int, Field(description="side of the square that a frame is shrunk to, pixels")]
    threshold: Annotated[float, Field(description="probability from which a frame counts as histology")]


FILTER_SPEC = Record("frame_filter", FRAME_FILTER_DIR / "filter.json", FilterSpec)
