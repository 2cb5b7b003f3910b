"""What a page has to say of the data that it rests on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEMO = Path("data/demo")
NOTE = "note.txt"  # in the dataset's folder: its note, for whatever is made of it
PLACES = (
    "videos.catalog",
    *(f"sources.{name}.folder" for name in ("pubmed", "openpath", "laion", "table")),
)  # parameters that say where the dataset's pairs come from
OF_THE_DEMO = (
    "Demo world: scripted narration over drawn tissue. These numbers say whether the machinery works, never how good a "
    "model is on real tissue. From it come"
)
OF_THE_FILTER = "The frame filter has learned from no frames of yours yet: see frame_filter.frames."


def note_on_dataset(blocks: Mapping[str, Any]) -> str:
    """The words of `report.note`, and which of the dataset's inputs, by the blocks of params.yaml, are the demo's."""
    return _note(blocks, _inputs(blocks))


def note_on_run(blocks: Mapping[str, Any]) -> str:
    """The same for a page on the whole run: test sets, gold labels and the frame filter's frames count, too."""
    tests = {"test sets": blocks["evaluation"].evalsets, "gold labels": blocks["audit"].gold}
    note = _note(blocks, _inputs(blocks) | tests)
    borrowed = _is_demo(blocks["frame_filter"].frames) and not _is_demo(blocks["videos"].catalog)
    return " ".join(filter(None, [note, OF_THE_FILTER if borrowed else ""]))


def _inputs(blocks: Mapping[str, Any]) -> dict[str, str]:
    """What the dataset's pairs come from, and the folder of each."""
    places = {"quilt": ("videos", blocks["videos"].catalog)}
    for name in ("pubmed", "openpath", "laion", "table"):
        places[name] = (name, getattr(blocks["sources"], name).folder)
    return dict(places[name] for name in blocks["dataset"].sources)


def _note(blocks: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    drawn = [name for name, place in inputs.items() if _is_demo(place)]
    demo = f"{OF_THE_DEMO}: {', '.join(drawn)}." if drawn else ""
    return " ".join(filter(None, [*blocks["report"].note.split(), demo]))


def _is_demo(place: str) -> bool:
    return Path(place).resolve().is_relative_to(DEMO.resolve())
