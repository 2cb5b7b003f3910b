"""The review page: one file that a reader opens without a server, and that asks nothing of a network.

All text from outside is escaped. Neither sources nor models are named, and nothing tells controls from other pairs.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from stages.common.data.files import jpeg, write_bytes
from stages.common.data.pictures import data_uri
from stages.common.data.references import read_images
from stages.common.reviews import ACTIONS, ANSWERS, QUESTIONS, image_of
from stages.common.tables.captions import UNKNOWN, CaptionSentence

TEMPLATE = Path(__file__).parent / "review.html.j2"
MAGNIFICATIONS = {0: "low power, up to 10x", 1: "medium power, about 20x", 2: "high power, above 20x"}
HOW = {"estimated": "estimated from the image", "read": "as stated"}
MB = 1_000_000
IN_TEXT = 4 / 3  # bytes of an image in a page for each of its own


def build_page(
    items: pd.DataFrame,
    pairs: pd.DataFrame,
    sentences: Mapping[str, Sequence[CaptionSentence]],
    max_mb: float,
    out: Path,
    demo: bool = False,
) -> dict[str, float]:
    """Write the page of `items` (stages.audit.sample) to `out`; return metrics of it.

    `pairs` are rows of the dataset's table; `sentences` those of each video that is in it; `demo` says whether any of
    them come from the demo world.
    """
    import jinja2

    by_id = pairs.set_index("pair_id", drop=False)
    images = list(dict.fromkeys(by_id.image[items.pair_id]))
    encoded, quality, scale = fitted(list(read_images(images).values()), max_mb * MB / IN_TEXT)
    shown = [
        _item(one.item, by_id.loc[one.pair_id], by_id.loc[one.text_of], images, sentences) for one in items.itertuples()
    ]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        questions=QUESTIONS,
        answers=ANSWERS,
        actions=ACTIONS,
        demo=demo,
        data={
            "sample": hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16],
            "items": shown,
            "images": [data_uri(image, "jpeg") for image in encoded],
        },
    )
    write_bytes(out, page.encode())
    return {"page_mb": len(page.encode()) / MB, "jpeg_quality": quality, "image_scale": scale}


def fitted(images: Sequence[bytes], limit: float) -> tuple[list[bytes], int, float]:
    """JPEG bytes of `images`, at most `limit` of them: as they are if these fit, else all at the first quality, or at
    last scale, at which they do. Returns the quality (100: as they are) and the scale with them."""
    found, quality, scale = list(images), 100, 1.0
    encodings = _encodings()
    while sum(map(len, found)) > limit:
        quality, scale = next(encodings)
        found = [_encoded(image, quality, scale) for image in images]
    return found, quality, scale


def _encodings() -> Iterator[tuple[int, float]]:
    yield from ((85, 1.0), (75, 1.0))
    scale = 1.0
    while True:
        scale *= 0.75
        yield 75, scale


def _encoded(data: bytes, quality: int, scale: float) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        size = [max(1, round(side * scale)) for side in image.size]
        return jpeg(image.convert("RGB").resize(size, Image.Resampling.LANCZOS), quality)


def _item(
    item: str, seen: Any, said: Any, images: Sequence[str], sentences: Mapping[str, Sequence[CaptionSentence]]
) -> dict[str, Any]:
    """What the page shows of one item: the image of the pair `seen`, and the text of the pair `said`."""
    power = "not known" if pd.isna(seen.magnification) else MAGNIFICATIONS[int(seen.magnification)]
    how = HOW.get(seen.magnification_how, "")
    return {
        "item": item,
        "image": image_of(seen.image),
        "picture": images.index(seen.image),
        "box": json.loads(seen.box),
        "magnification": f"{power} ({how})" if how else power,
        "text": said.text,
        "sub_pathology": "" if said.sub_pathology == UNKNOWN else said.sub_pathology,
        **spoken(sentences.get(said.video_id, ()), said.start_s, said.end_s),
    }


def spoken(sentences: Sequence[CaptionSentence], start: float, end: float) -> dict[str, str]:
    """What was said from `start` to `end` as it was recognised, the sentences beside it, and when; all empty for text
    that was not spoken."""
    if pd.isna(start):
        return dict.fromkeys(("heard", "before", "after", "time"), "")
    before = list(takewhile(lambda one: one["end"] <= start, sentences))
    during = list(takewhile(lambda one: one["start"] < end, sentences[len(before) :]))
    after = sentences[len(before) + len(during) :]
    return {
        "heard": " ".join(one["raw"] for one in during),
        "before": before[-1]["text"] if before else "",
        "after": after[0]["text"] if after else "",
        "time": f"{_clock(start)} to {_clock(end)}",
    }


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
