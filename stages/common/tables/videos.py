"""What stage videos writes: media files with a record each, and two tables."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from stages.common.paths import VIDEOS_DIR
from stages.common.tables.items import ERROR, REASON, STATUS
from stages.common.tables.schema import Column, Record, Table

VIDEO_ID = Column("video_id", "string", "the video; names its files in all stages")

VIDEO_TABLE = Table(
    stage="videos",
    path=VIDEOS_DIR / "videos.parquet",
    rows="a video that was fetched",
    columns=(
        VIDEO_ID,
        Column("file", "string", "the media file, in data/videos"),
        Column("url", "string", "where it came from: an address, or a path in the catalog"),
        Column("field", "string", "sub-pathology that the catalog lists it under"),
        Column("channel", "string", "name of the channel"),
        Column("channel_id", "string", "id of the channel"),
        Column("title", "string", "title on the site, or of the sidecar, or the file's name"),
        Column("duration_s", "double", "length of the file", "s"),
        Column("width", "int64", "of a frame", "pixels"),
        Column("height", "int64", "of a frame", "pixels"),
        Column("fps", "double", "mean frame rate", "1/s"),
        Column("has_audio", "bool", "whether the file has sound"),
        Column("language", "string", "as the site says"),
        Column("license", "string", "as the site says"),
        Column("upload_date", "string", "as the site says", "YYYYMMDD"),
        Column("format_id", "string", "the site's name of the format fetched"),
        Column("yt_dlp", "string", "version of yt-dlp that fetched it"),
        Column("digest", "string", "SHA-256 of the media file", "hex"),
    ),
)
STATUS_TABLE = Table(
    stage="videos",
    path=VIDEOS_DIR / "status.parquet",
    rows="a video that the catalog lists, whatever became of it",
    columns=(Column("id", "string", "the video"), STATUS, REASON, ERROR),
)


class Video(TypedDict):
    """What is known of a fetched video; a row of videos.parquet."""

    video_id: Annotated[str, Field(description="names its files in all stages")]
    url: Annotated[str, Field(description="where it came from: an address, or a path in the catalog")]
    field: Annotated[str, Field(description="sub-pathology that the catalog lists it under")]
    title: Annotated[str | None, Field(description="title on the site, or of the sidecar, or the file's name")]
    channel: Annotated[str | None, Field(description="name of the channel")]
    channel_id: Annotated[str | None, Field(description="id of the channel")]
    channel_follower_count: Annotated[int | None, Field(description="subscribers of the channel")]
    language: Annotated[str | None, Field(description="as the site says")]
    license: Annotated[str | None, Field(description="as the site says")]
    upload_date: Annotated[str | None, Field(description="as the site says, YYYYMMDD")]
    format_id: Annotated[str | None, Field(description="the site's name of the format fetched")]
    duration_s: Annotated[float, Field(description="length of the file, s")]
    width: Annotated[int, Field(description="of a frame, pixels")]
    height: Annotated[int, Field(description="of a frame, pixels")]
    fps: Annotated[float, Field(description="mean frame rate, 1/s")]
    has_audio: Annotated[bool, Field(description="whether the file has sound")]
    yt_dlp: Annotated[str, Field(description="version that fetched it")]
    digest: Annotated[str, Field(description="SHA-256 of the media file")]


class Shares(TypedDict, total=False):
    """What the small copy of a video shows in pre-screening; `copy` alone, and null, where there was none."""

    copy: Annotated[str | None, Field(description="the site's name of the format looked at")]
    histology: Annotated[float, Field(description="share of the frames that are histology, 0..1")]
    narrative: Annotated[float, Field(description="share of sampled histology frames that begin a streak, 0..1")]
    filter: Annotated[str, Field(description="digest of the frame filter that predicted it")]


class ListedVideo(TypedDict):
    """A video that a search, a channel or a playlist listed."""

    id: Annotated[str, Field(description="made of the site's id, or of the address where there is none")]
    url: Annotated[str, Field(description="address of its page")]
    channel_id: Annotated[str | None, Field(description="id of the channel")]
    duration: Annotated[float | None, Field(description="as the site says, s")]
    site: NotRequired[Annotated[str, Field(description="yt-dlp's name of the site")]]
    site_id: NotRequired[Annotated[str, Field(description="the site's id of the video")]]
    uploader_id: NotRequired[Annotated[str | None, Field(description="another id of the channel: its handle")]]
    channel_url: NotRequired[Annotated[str | None, Field(description="address of the channel")]]
    uploader_url: NotRequired[Annotated[str | None, Field(description="another address of the channel")]]


Listings = dict[str, Annotated[list[ListedVideo], Field(description="what each address listed when it last could be")]]

VIDEO = Record("videos", VIDEOS_DIR / "media/{id}.json", Video)
SHARES = Record("videos", VIDEOS_DIR / "prescreened/{id}.json", Shares)
LISTINGS: Record[Listings] = Record("videos", VIDEOS_DIR / "listings.json", Listings)
