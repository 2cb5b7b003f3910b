"""Notes in cards and reports that say which of their data come from the demo."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.paths import DEMO_DIR
from stages.common.tables.sources import SOURCES

NOTE = "note.txt"  # in the dataset's folder: its note, for the model's card
PLACES = (
    "videos.catalog",
    *(f"sources.{name}.folder" for name in SOURCES),
    "sources.more",
)  # parameters that say where the dataset's pairs come from
OF_THE_DEMO = (
    "Demo world: scripted narration over drawn tissue. These numbers say whether the machinery works, never how good a "
    "model is on real tissue. From it come"
)
OF_THE_FILTER = "The frame filter has learned from no frames of yours yet: see frame_filter.frames."


def note_on_dataset(all_params: Mapping[str, Any]) -> str:
    """The words of `report.note`, and which of the dataset's inputs are the demo's, by the parameters of all stages."""
    return _note(all_params, _inputs(all_params))


def note_on_run(all_params: Mapping[str, Any]) -> str:
    """The same for a page on the whole run: test sets, gold labels and the frame filter's frames count, too."""
    tests = {"test sets": all_params["evaluation"].evalsets, "gold labels": all_params["audit"].gold}
    note = _note(all_params, _inputs(all_params) | tests)
    borrowed = is_of_the_demo(all_params["frame_filter"].frames) and not is_of_the_demo(all_params["videos"].catalog)
    return " ".join(filter(None, [note, OF_THE_FILTER if borrowed else ""]))


def _inputs(all_params: Mapping[str, Any]) -> dict[str, str]:
    """What the dataset's pairs come from, and the folder of each."""
    places = {"quilt": ("videos", all_params["videos"].catalog)}
    sources = all_params["sources"]
    for name in SOURCES:
        places[name] = (name, getattr(sources, name).folder)
    places |= {name: (name, source.folder) for name, source in sources.more.items()}
    return dict(places[name] for name in all_params["dataset"].sources)


def _note(all_params: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    drawn = [name for name, place in inputs.items() if is_of_the_demo(place)]
    demo = f"{OF_THE_DEMO}: {', '.join(drawn)}." if drawn else ""
    return " ".join(filter(None, [*all_params["report"].note.split(), demo]))


def is_of_the_demo(place: str) -> bool:
    """Whether a file or folder is a part of the demo world."""
    return Path(place).resolve().is_relative_to(DEMO_DIR.resolve())
