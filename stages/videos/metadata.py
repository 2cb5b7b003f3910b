"""What is used of yt-dlp's metadata of a video, which a site gave or a sidecar has."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, field_validator

from stages.common.data.files import SURROGATE


class Metadata(BaseModel):
    """The fields that are used, in yt-dlp's names; None for what is not known."""

    model_config = ConfigDict(coerce_numbers_to_str=True, allow_inf_nan=False)

    id: str | None = None
    title: str | None = None
    channel: str | None = None
    channel_id: str | None = None
    channel_url: str | None = None
    channel_follower_count: int | None = None
    uploader_id: str | None = None
    uploader_url: str | None = None
    webpage_url: str | None = None
    original_url: str | None = None
    url: str | None = None
    language: str | None = None
    license: str | None = None
    upload_date: str | None = None
    duration: float | None = None
    format_id: str | None = None
    ie_key: str | None = None
    extractor_key: str | None = None


class _OfASite(Metadata):
    """The same, whatever a site says: a value of another form counts as one that it lacks."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_none(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            found = handler(value)
        except ValidationError:
            return None
        return SURROGATE.sub("\ufffd", found) if isinstance(found, str) else found


def known(info: Mapping[str, Any]) -> dict[str, Any]:
    """What a site says of a video, as far as it is used and of the form that it should be."""
    fields = {str(name): value for name, value in info.items() if name in Metadata.model_fields}
    return _OfASite.model_validate(fields).model_dump(exclude_none=True)
