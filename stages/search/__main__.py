"""Search the dataset with the tuned model: the pairs nearest to words or to an image.

`python -m stages.search "keratin pearls"` prints them; so does `python -m stages.search image.png`, and with
`--html answers.html` they are on a page with pictures. The first question embeds the whole dataset, which is kept in
.cache/vectors. Without one it makes reports/search.html, which answers search.phrases from a sample of the dataset.
"""

import argparse
from pathlib import Path
from typing import Any

from stages.common.paths import DATASET_DIR, QUILTNET_DIR, SEARCH_PAGE_FILE, VECTORS_DIR
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base
from stages.search.params import Params

KINDS = ("image", "text")
TITLE = "Search of the dataset"


def run(params: Params, base: Base, question: str | None, by: str, count: int, html: Path | None) -> dict[str, Any]:
    """Answer a question, or make the page of the pipeline."""
    from stages.common.models.clip import load
    from stages.common.models.device import pick_device
    from stages.search.samples import shards_of

    shards_of(DATASET_DIR)  # says what is missing before a model is loaded
    clip, device = load(QUILTNET_DIR), pick_device(base.device)
    if question is None:
        return _page_of_sample(params, base, clip, device)
    return _answer(params, base, clip, device, question, by, count, html)


def _page_of_sample(params: Params, base: Base, clip: Any, device: str) -> dict[str, Any]:
    from stages.common.data.references import ImageReader
    from stages.common.models.embed import embed_images, embed_texts
    from stages.search.page import ranked, write_page
    from stages.search.samples import drawn_samples

    samples, strata = drawn_samples(DATASET_DIR, params.sample)
    references = [sample.image for sample in samples]
    images = embed_images(clip, references, ImageReader().read, params.batch_size, device, base.jobs)
    texts = embed_texts(clip, params.phrases, params.batch_size, device) if params.phrases else images[:0]
    questions = ranked(params.phrases, texts, images, params.nearest)
    alike = ranked(references, images, images, params.nearest)
    write_page(SEARCH_PAGE_FILE, TITLE, _note(), samples, questions, alike, strata)
    return {"items": len(samples), "phrases": len(questions)}


def _answer(
    params: Params, base: Base, clip: Any, device: str, question: str, by: str, count: int, html: Path | None
) -> dict[str, Any]:
    from stages.search.index import Index
    from stages.search.page import Ranking, write_page
    from stages.search.question import vector_of
    from stages.search.terminal import lines

    vector = vector_of(question, clip, device)
    index = Index(clip, DATASET_DIR, VECTORS_DIR / "search", by, params.batch_size, device, base.jobs)  # type: ignore[arg-type]
    embedded = index.complete()
    matches = index.nearest(vector, count)
    print("\n".join(lines(matches)))
    if html:
        answers = [(number, match.score) for number, match in enumerate(matches)]
        samples = [match.sample for match in matches]
        write_page(html, f"Nearest to {question}", _note(), samples, [Ranking(question, answers)])
    return {"answers": len(matches), "shards embedded": embedded}


def _note() -> str:
    """What the dataset says of itself: which of it is drawn."""
    from stages.common.stage.notes import NOTE

    note = DATASET_DIR / NOTE
    return note.read_text(encoding="utf-8") if note.exists() else ""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", nargs="?", help="words, or the file of an image")
    parser.add_argument("--by", choices=KINDS, default=KINDS[0], help="what is compared with it (default: image)")
    parser.add_argument("--count", type=_positive, default=10, metavar="N", help="how many pairs (default: 10)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with the pictures")


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is none: ask for one or more")
    return number


if __name__ == "__main__":
    run_stage("search", run, __doc__, arguments=_arguments)
