"""The picture of the steps from a video to a model, on one pair of the demo, for the README.

Git tracks it, so it holds pictures and words of the drawn demo world only; of other data it has the numbers.
"""

import io
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

from stages.common.data.files import write_bytes
from stages.common.data.media import decoded
from stages.common.data.references import ImageReader
from stages.common.paths import VIDEOS_DIR
from stages.common.tables.captions import CAPTIONS, CaptionSentence
from stages.common.tables.dataset import DATASET_TABLE
from stages.common.tables.keyframes import HOLDS
from stages.common.tables.rois import TRACE
from stages.common.tables.videos import VIDEO_TABLE

WIDTH, HEIGHT = 14.0, 7.6  # inches
DPI = 100
QUALITY = 80  # of the WebP file
SAID, DONE, BOX = "#5b6670", "#4b1d5a", "#d98e04"
LINE = 46  # letters of a line of text


class PairExample(NamedTuple):
    """A pair on its way: the frame of the video, the image of the hold, the cursor's path and box in it (shares of its
    width and height), the sentence, and an image of each source."""

    frame: Image.Image
    image: Image.Image
    trace: pd.DataFrame
    box: list[float]
    sentence: CaptionSentence
    sources: dict[str, Image.Image]


def draw_steps(metrics: Mapping[str, Any], example: PairExample | None, path: Path) -> None:
    """Draw the steps with what `metrics` counted at each, and with `example` if there is one."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(WIDTH, HEIGHT), layout=ConstrainedLayoutEngine(wspace=0.04, hspace=0.05))
    axes = figure.subplots(2, 3).ravel()
    for number, (place, (title, below)) in enumerate(zip(axes, _titles(metrics), strict=True), 1):
        place.set_title(f"{number}  {title}", loc="left", fontweight="bold", color=DONE)
        place.set_xlabel(below, loc="left", color=SAID)
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(False)
        place.set_anchor("NW")
    _draw_scores(axes[5], metrics.get("zero_shot", {}))
    if example:
        axes[0].imshow(example.frame)
        axes[1].imshow(example.image)
        _draw_cursor(axes[1], example)
        _draw_sentence(axes[2], example.sentence)
        _draw_pair(axes[3], example)
        _draw_sources(axes[4], example.sources)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    webp = io.BytesIO()
    Image.open(buffer).convert("RGB").save(webp, "WEBP", quality=QUALITY, method=6)
    write_bytes(path, webp.getvalue())


def _titles(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What each step is called, and what it counted."""

    def count(stage: str, key: str) -> str:
        return f"{metrics.get(stage, {}).get(key, 0):,}"

    return [
        ("find and screen videos", f"videos: {count('videos', 'ok')} of {count('videos', 'items')} are kept"),
        (
            "keep holds, trace the cursor",
            f"keyframes, rois: {count('keyframes', 'holds')} holds, {count('rois', 'boxes')} boxes",
        ),
        (
            "recognise speech, correct and link terms",
            f"transcripts, captions: {count('captions', 'sentences')} sentences",
        ),
        ("pair what was said with what was shown", f"pairs: {count('pairs', 'pairs')}"),
        (
            "merge sources, drop copies and leaks",
            f"sources, fingerprints, dataset: {count('dataset', 'pairs')} of {count('dataset', 'candidates')} pairs",
        ),
        ("fine-tune CLIP, evaluate zero-shot", "quiltnet, embeddings, evaluation: balanced accuracy"),
    ]


def _draw_cursor(axes: Any, example: PairExample) -> None:
    width, height = example.image.size
    axes.plot(example.trace.x * width, example.trace.y * height, color="white", linewidth=3)
    axes.plot(example.trace.x * width, example.trace.y * height, color=DONE, linewidth=1.4)
    x0, y0, x1, y1 = example.box
    axes.plot(
        [x0 * width, x1 * width, x1 * width, x0 * width, x0 * width],
        [y0 * height, y0 * height, y1 * height, y1 * height, y0 * height],
        color=BOX,
        linewidth=2.5,
    )
    axes.set(xlim=(0, width), ylim=(height, 0))


def _draw_sentence(axes: Any, sentence: CaptionSentence) -> None:
    corrections = [f"“{one['from']}” → “{one['to']}”" for one in sentence["corrections"]]
    terms = [f"{one['term']} ({one['semantic_type']})" for one in sentence["entities"]]
    parts = [
        ("heard", [sentence["raw"]], SAID),
        ("corrected", [sentence["text"], *corrections], "black"),
        ("terms", terms, DONE),
    ]
    lines = [
        (line, colour, "bold" if head else "normal")
        for name, texts, colour in parts
        for head, text in [(True, name), *((False, text) for text in texts)]
        for line in textwrap.wrap(text, LINE)
    ]
    for number, (line, colour, weight) in enumerate(lines):
        text = axes.text(0, 0.98 - 0.08 * number, line, color=colour, fontweight=weight, va="top")
        text.set_in_layout(False)


def _draw_pair(axes: Any, example: PairExample) -> None:
    width, height = example.image.size
    x0, y0, x1, y1 = (part * side for part, side in zip(example.box, (width, height) * 2, strict=True))
    middle, side = ((x0 + x1) / 2, (y0 + y1) / 2), min(1.6 * max(x1 - x0, y1 - y0), width, height) / 2
    left, top = (min(max(0, at - side), whole - 2 * side) for at, whole in zip(middle, (width, height), strict=True))
    axes.imshow(example.image.crop((int(left), int(top), int(left + 2 * side), int(top + 2 * side))))
    text = "\n".join(textwrap.wrap(example.sentence["text"], LINE // 4))
    axes.text(1.05, 0.98, text, va="top", transform=axes.transAxes).set_in_layout(False)


def _draw_sources(axes: Any, sources: Mapping[str, Image.Image]) -> None:
    columns = 2
    rows = -(-len(sources) // columns)
    for number, (name, image) in enumerate(sources.items()):
        row, column = divmod(number, columns)
        inset = axes.inset_axes((column / columns, 1 - (row + 1) / rows, 0.94 / columns, 0.86 / rows))
        inset.imshow(image)
        inset.set(xticks=[], yticks=[])
        inset.spines[:].set_visible(False)
        inset.set_title(name, fontsize=9, pad=2, loc="left", color=SAID)
        inset.set_anchor("W")


def _draw_scores(axes: Any, scores: Mapping[str, Any]) -> None:
    """The mean over the test sets before and after fine-tuning, with its interval, and chance."""
    models = [name for name in ("start", "tuned") if "mean" in scores.get(name, {})]
    for place, name in enumerate(models):
        mean = scores[name]["mean"]
        score = mean["balanced_accuracy"]
        error = [[score - mean["balanced_accuracy_low"]], [mean["balanced_accuracy_high"] - score]]
        bar = axes.barh([place], [score], color=(SAID, DONE)[place], xerr=error, capsize=3, height=0.6)
        axes.bar_label(bar, [f"{name}: {score:.2f}"], label_type="center", color="white")
    if models:
        axes.axvline(scores[models[0]]["mean"]["chance"], color="black", linestyle="dotted", label="chance")
        axes.set(xlim=(0, 1), ylim=(len(models) - 0.2, -0.8))
        axes.legend(frameon=False, loc="lower right")


def example_of(pairs_file: Path) -> PairExample | None:
    """A pair of a video with a box, if possible with a correction and of a part of the frame; None without any."""
    pairs = DATASET_TABLE.read(pairs_file).query("split != ''")
    pointed = pairs[(pairs.source == "quilt") & (pairs.box != "[]")].sort_values("pair_id")
    found = [(pair, _hold(pair), sentence) for pair in pointed.itertuples() for sentence in _sentences(pair)]
    if not found:
        return None
    pair, hold, sentence = max(found, key=lambda one: (bool(one[2]["corrections"]), one[1].x1 - one[1].x0 < 1))
    reader = ImageReader()

    def opened(reference: str) -> Image.Image:
        return Image.open(io.BytesIO(reader.read(reference))).convert("RGB")

    trace = TRACE.read(TRACE.at(id=pair.video_id)).query("hold_id == @pair.hold_id").sort_values("t_s")
    path = {"x": (trace.x - hold.x0) / (hold.x1 - hold.x0), "y": (trace.y - hold.y0) / (hold.y1 - hold.y0)}
    sources = [(name, own) for name, own in pairs.sort_values("pair_id").groupby("source")]
    return PairExample(
        frame=_frame(pair.video_id, (pair.start_s + pair.end_s) / 2),
        image=opened(pair.image),
        trace=pd.DataFrame(path),
        box=json.loads(pair.box),
        sentence=sentence,
        sources={name: opened(own.image.iloc[n * len(own) // len(sources)]) for n, (name, own) in enumerate(sources)},
    )


def _hold(pair: Any) -> Any:
    """The row of HOLDS that a pair's image comes from."""
    holds = HOLDS.read(HOLDS.at(id=pair.video_id))
    return holds[(holds.hold_id == pair.hold_id) & (holds.image == pair.image.partition("#")[2])].iloc[0]


def _sentences(pair: Any) -> list[CaptionSentence]:
    """The sentence of a pair."""
    captions = CAPTIONS.read(CAPTIONS.at(id=pair.video_id))
    return [one for one in captions["sentences"] if one["text"] == pair.text and one["start"] <= pair.end_s]


def _frame(video_id: str, seconds: float) -> Image.Image:
    """The frame of a video that is shown at a time."""
    import av

    videos = VIDEO_TABLE.read(VIDEO_TABLE.path, ["video_id", "file"]).set_index("video_id")
    with av.open(VIDEOS_DIR / videos.file[video_id]) as container:
        stream = container.streams.video[0]
        container.seek(int(seconds / stream.time_base), stream=stream)
        frame = next(frame for frame in decoded(container, stream) if frame.time >= seconds)
        found: Image.Image = frame.to_image()
        return found
