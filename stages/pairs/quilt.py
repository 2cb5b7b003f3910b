"""The pairs under the column names of the released QUILT table, for users of that release."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common.data.files import writing
from stages.common.tables.captions import CAPTIONS, CaptionSentence
from stages.common.tables.keyframes import HOLDS

COLUMNS = (
    "caption",
    "image_path",
    "subset",
    "split",
    "pathology",
    "roi_text",
    "noisy_text",
    "corrected_text",
    "med_umls_ids",
    "magnification",
    "height",
    "width",
    "single_wsi",
    "not_histology",
)


def export(tables: Iterable[pd.DataFrame], out: Path) -> None:
    """Write `quilt_table` of all pairs in `tables` to the CSV `out`, video by video: what was said in thousands is
    gigabytes."""
    header = True
    with writing(out) as part, part.open("w", encoding="utf-8", newline="") as file:
        for table in tables:
            videos = table.video_id.to_numpy(object)
            stretch = np.cumsum(np.append(True, videos[1:] != videos[:-1]))  # rows of one video that follow each other
            for _, pairs in table.groupby(stretch):
                name = pairs.video_id.iloc[0]
                images = HOLDS.read(HOLDS.at(id=name)).set_index(["hold_id", "image"])
                sentences = CAPTIONS.read(CAPTIONS.at(id=name))["sentences"]
                quilt_table(pairs, images, sentences).to_csv(file, index=False, header=header)
                header = False


def quilt_table(pairs: pd.DataFrame, images: pd.DataFrame, sentences: list[CaptionSentence]) -> pd.DataFrame:
    """Return one row per pair of one video, in the order of `pairs`, with COLUMNS.

    `images` are the video's keyframes by hold_id and member of the tar, `sentences` its captions.
    roi_text, noisy_text and corrected_text are those of all sentences said during the hold. The split is empty: the
    stage dataset decides it, for all sources alike. single_wsi is 0 where the frame filter sees several panels
    (unknown: 1).
    """
    own = images.loc[list(zip(pairs.hold_id, pairs.image.str.split("#").str[1], strict=True))]
    spoken = [[line for line in sentences if hold.start_s <= line["start"] < hold.end_s] for hold in own.itertuples()]
    return pd.DataFrame(
        {
            "caption": pairs.text.to_numpy(),
            "image_path": pairs.image.to_numpy(),
            "subset": "quilt",
            "split": "",
            "pathology": pairs.sub_pathology.to_numpy(),
            "roi_text": [str([line["text"] for line in lines if line["kind"] == "roi"]) for lines in spoken],
            "noisy_text": [" ".join(line["raw"] for line in lines) for lines in spoken],
            "corrected_text": [" ".join(line["text"] for line in lines) for lines in spoken],
            "med_umls_ids": pairs.entities.to_numpy(),
            "magnification": pairs.magnification.to_numpy(),
            "height": pairs.height.to_numpy(),
            "width": pairs.width.to_numpy(),
            "single_wsi": (~(own.flag_panels.fillna(0) >= 0.5)).astype(int).to_numpy(),
            "not_histology": 0,
        },
        columns=list(COLUMNS),
    )
