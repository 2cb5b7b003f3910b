"""Pre-screening of a video on a site, before its large download: by what the site says, and by a small copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.common.data.media import decoded
from stages.common.errors import Failed, Rejected
from stages.common.frame_filter.classifier import filter_digest, load_filter
from stages.common.frame_filter.prescreening import Prescreening, PrescreeningRules, reason_against
from stages.common.incremental.runner import Item
from stages.common.models.device import limit_threads
from stages.common.tables.videos import SHARES, Shares
from stages.videos.params import Params
from stages.videos.rules import check_metadata
from stages.videos.site import attempt, downloader, look_up
from stages.videos.withdrawn import Withdrawn


def prescreen(
    item: Item,
    scratch: Path,
    params: Params,
    rules: PrescreeningRules,
    withdrawn: Withdrawn,
    model: Path,
    partial: Path,
    jobs: int,
    device: str,
) -> None:
    """Write ID.json below `scratch`: the shares that the small copy of a video on a site shows, and by which filter.

    Where a site offers only one copy, no cheaper one can be checked, and the video passes. Raises Rejected with the
    rule that the video breaks.
    """
    copies = partial / f"{item.id}.small"
    shutil.rmtree(copies, ignore_errors=True)
    height = params.prescreen_height
    wanted = f"bv*[height<={height}]/wv*"
    with downloader(params, format=wanted, outtmpl=str(copies / "%(format_id)s.%(ext)s")) as site:
        info = look_up(site, item.data["place"], params)
        check_metadata(info, params, withdrawn)
        if _video_formats(info) < 2:
            SHARES.write(scratch / f"{item.id}.json", {"copy": None})
            return
        attempt(lambda: site.process_ie_result(info, download=True), params)
    (small,) = (path for path in copies.iterdir() if path.suffix != ".part")
    limit_threads(jobs)
    prescreening = Prescreening(load_filter(model, device))
    for picture in _sampled(small, rules.fps):
        prescreening.add(picture)
    shutil.rmtree(copies)
    histology, narrative = prescreening.shares(rules)
    predicted_by = filter_digest(model)[:12]
    if reason := reason_against(histology, narrative, rules):
        raise Rejected(reason, f"histology {histology:.3f}, narrative {narrative:.3f}, filter {predicted_by}")
    shares: Shares = {
        "copy": str(info.get("format_id")),
        "histology": histology,
        "narrative": narrative,
        "filter": predicted_by,
    }
    SHARES.write(scratch / f"{item.id}.json", shares)


def _video_formats(info: dict[str, Any]) -> int:
    """Number of formats with pictures that a site offers."""
    return len({form.get("format_id") for form in info.get("formats") or [] if form.get("vcodec") != "none"})


def _sampled(path: Path, fps: float) -> Iterator[NDArray[np.uint8]]:
    """RGB frames of a small video, `fps` a second. Raises Failed where it cannot be decoded."""
    import av

    due = 0.0
    try:
        with av.open(str(path)) as container:
            container.streams.video[0].codec_context.skip_frame = "NONREF"
            for frame in decoded(container, container.streams.video[0]):
                if frame.time is not None and frame.time >= due:
                    due = frame.time + 1 / fps
                    yield frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, IndexError) as error:
        raise Failed("unreadable", f"the small copy cannot be decoded: {error}") from None
