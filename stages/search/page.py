"""A page of answers: pictures with their texts, in the order of what is asked. All text from outside is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.data.arrays import Vectors
from stages.common.data.files import write_bytes
from stages.common.data.pictures import data_uri, thumbnail
from stages.common.data.references import ImageReader
from stages.search.samples import ImageSample

TEMPLATE = Path(__file__).with_name("page.html.j2")
THUMBNAIL = (224, 224)  # pixels, at most
DIGITS = 3  # of a cosine


class Ranking(NamedTuple):
    """What was asked, and (number of the sample, cosine), nearest first."""

    name: str
    answers: list[tuple[int, float]]


def write_page(
    path: Path,
    title: str,
    note: str,
    samples: Sequence[ImageSample],
    questions: Iterable[Ranking],
    alike: Sequence[Ranking] = (),
    strata: Mapping[str, Mapping[str, int]] | None = None,
) -> None:
    """Write one file that needs no network. `alike` has what is like each of `samples`, if that can be asked;
    `strata` how many of them are of each source and sub-pathology, if they were drawn so."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    reader = ImageReader()
    cards = [
        sample._asdict() | {"picture": data_uri(thumbnail(reader.read(sample.image), THUMBNAIL), "jpeg")}
        for sample in samples
    ]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        note=note,
        cards=cards,
        strata=strata or {},
        questions=[one.name for one in questions],
        answers=[one.answers for one in questions],
        alike=[one.answers for one in alike],
    )
    write_bytes(path, page.encode())


def ranked(names: Sequence[str], asked: Vectors, images: Vectors, count: int) -> list[Ranking]:
    """The `count` nearest of `images` (n, d) to each row of `asked` (m, d), whose names are `names`."""
    scores = asked @ images.T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    return [
        Ranking(name, [(int(n), round(float(row[n]), DIGITS)) for n in nearest])
        for name, nearest, row in zip(names, order, scores, strict=True)
    ]
