"""LAION and its like: images fetched from the addresses in tables, or from those that queries find in an index."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stages.common.data.columns import find_columns, number_of, text_of
from stages.common.data.delimited import Row
from stages.common.data.files import SHORT_WORD
from stages.common.data.reading import Damage
from stages.common.data.rows import read_rows, tables_below
from stages.common.data.shards import IMAGE, Reference
from stages.common.errors import StageError
from stages.common.paths import DOWNLOADS_DIR
from stages.sources.candidate import Candidate
from stages.sources.laion.download import Wanted, download_all
from stages.sources.laion.mirror import mirrored
from stages.sources.laion.retrieval import retrieve
from stages.sources.params import Laion, Params

KINDS = ("url", "text", "similarity", "unsafe")  # of columns
WORDS = {"unlikely": 0.0, "unsure": 0.5, "nsfw": 1.0}  # of LAION-400M, for a probability
MIRROR = "mirror"
ENOUGH = 1000  # rows of a table without a column of addresses or texts, after which no more are read
LONGEST_NAME, MOST_NAMES = 40, 20  # letters of a column's name, and columns, that are shown


@dataclass(frozen=True)
class Address:
    """A row: where its image is, and why it is not fetched. `images` are there, or references, where they were
    fetched before."""

    url: str
    text: str
    drop: str = ""
    detail: str = ""
    images: tuple[bytes | str, ...] = ()


def candidates(params: Params, cache: Path = DOWNLOADS_DIR) -> Iterator[Candidate]:
    """Yield one candidate per row, in order; a row that was not fetched says why in its drop reason. A
    killed run resumes from `cache`."""
    laion = params.laion
    mirror = Path(laion.folder) / MIRROR
    with mirrored(mirror) as rewrite, tempfile.TemporaryDirectory() as scratch:
        # Another demo world has other images under the same addresses: what a mirror gives is not kept.
        cache = Path(scratch) if mirror.is_dir() else cache
        rows = _distinct(_addresses(laion))
        wanted = (Wanted(row, row.url, "" if row.drop or row.images else rewrite(row.url)) for row in rows)
        fetched = download_all(wanted, laion, cache, laion.private_addresses or mirror.is_dir())
        for number, (row, found) in enumerate(fetched):
            key = f"{number:08d}"
            drop, detail = row.drop or found.reason, row.detail or found.detail
            for image in row.images or (found.data,):
                yield Candidate(key, key, image, row.text, row.url, "", drop, detail)


def _distinct(rows: Iterator[Address]) -> Iterator[Address]:
    """The rows; one whose address came before is dropped."""
    seen: set[int] = set()  # of hashes: addresses take more memory
    for row in rows:
        yield replace(row, drop=row.drop or "repeated_address") if row.url and hash(row.url) in seen else row
        seen.add(hash(row.url))


def _addresses(laion: Laion) -> Iterator[Address]:
    wanted = {kind: str(getattr(laion, kind)) for kind in KINDS}
    if laion.queries.index:
        found = retrieve(laion.queries)
        columns = find_columns(found.columns, wanted)
        yield from (_address(row, columns, laion) for row in found.to_dict("records"))
        return
    folder = Path(laion.folder)
    paths, others = (
        [path for path in found if MIRROR not in path.relative_to(folder).parts] for found in tables_below(folder)[:2]
    )
    if not paths:
        raise StageError(f"sources.laion.folder: no table of addresses in {folder}: put parquet or CSV files there")
    problem, count = "", 0
    for path in paths:
        for row in _table(path, wanted, laion):
            if row.url or row.images:
                count += 1
            elif not problem:
                said = row.detail.removeprefix(f"{path.name}: ")
                broken = f"{path} cannot be read ({said}): get it again or remove it"
                problem = f"{path}: {said}" if row.drop == "no_columns" else broken
            yield row
    for path in others:
        yield Address("", "", "unread_file", f"{path.name}: of a kind that is not read: save it as CSV or parquet")
    if not count:
        raise StageError(problem or f"sources.laion.folder: no rows in {paths[0]}")


def _table(path: Path, wanted: dict[str, str], laion: Laion) -> Iterator[Address]:
    columns: dict[str, str] = {}
    names: list[str] = []
    lacking: list[str] = []  # what each row lacks that has no column of addresses or of texts
    found = False
    named = wanted
    for row in read_rows(path, lambda names: {"url", "text"} <= set(find_columns(names, named))):
        if isinstance(row, Damage):
            yield Address("", "", row.reason, f"{path.name}: {row.detail}")
            continue
        if list(row) != names:  # those of the row before, most often
            names = list(row)
            if set(row) == {"image", "text"}:  # a table without names of columns
                wanted = wanted | {"url": "image"}
            columns = columns | find_columns(row, wanted)  # a JSON row may leave out what others have
        if lack := next((kind for kind in ("url", "text") if kind not in columns and IMAGE not in row), ""):
            known = ", ".join(str(name)[:LONGEST_NAME] for name in names[:MOST_NAMES])
            lacking.append(f"column '{wanted[lack]}' is missing: set sources.laion.{lack} to one of: {known}")
            if not found and len(lacking) == ENOUGH:
                break
            continue
        found = True
        yield _address(row, columns, laion)
    for detail in lacking if found else lacking[:1]:
        yield Address("", "", "broken_row" if found else "no_columns", f"{path.name}: {detail}")


def _address(row: Row, columns: dict[str, str], laion: Laion) -> Address:
    cells = {kind: row.get(column) for kind, column in columns.items()}
    url, text = text_of(cells.get("url")), text_of(cells.get("text"))
    image = row.get(IMAGE)
    several = image if isinstance(image, list) else [image]
    fetched = tuple(one for one in several if isinstance(one, Reference | bytes))
    drop, detail = _unwanted(cells, laion)
    if not url and not fetched:
        drop, detail = "no_address", ""
    elif "key" in row and not fetched and (status := text_of(row.get("status"))) not in ("", "success"):
        drop, detail = drop or _reason(status), detail or text_of(row.get("error_message"))
    return Address(url, text, drop, detail, fetched)


def _reason(status: str) -> str:
    """What img2dataset says of an image that it did not fetch, as a reason."""
    word = status.lower().replace(" ", "_")
    return word if SHORT_WORD.fullmatch(word) else "not_fetched"


def _unwanted(cells: Row, laion: Laion) -> tuple[str, str]:
    """Why a row is not fetched, and detail; ("", "") where it is. In a table with similarities, a row without one is
    not wanted; one that says nothing of its safety counts as safe."""
    for kind in ("similarity", "unsafe"):
        said = text_of(cells.get(kind))
        if said and number_of(said) is None and said.lower() not in WORDS:
            return "bad_score", f"{kind} is {said}"
    if "similarity" in cells:
        similarity = number_of(cells["similarity"])
        if similarity is None or similarity < laion.min_similarity:
            return "low_similarity", ""
    unsafe = text_of(cells.get("unsafe")).lower()
    probability = WORDS.get(unsafe, number_of(unsafe))
    return ("unsafe", "") if probability is not None and probability > laion.max_unsafe else ("", "")
