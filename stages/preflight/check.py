"""Checks before any work: parameters, and the files, models and code that they name."""

import difflib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.evalsets.protocol import load_protocol
from stages.common.frame_filter.prediction import FLAGS
from stages.common.models.weights import PACKAGE, locate
from stages.common.paths import DEMO_DIR
from stages.common.stage.extensions import is_extension, load_extension
from stages.common.stage.params import schemas
from stages.common.tables.sources import SOURCES

FILES = {".bin", ".csv", ".json", ".pt", ".pth", ".safetensors", ".tsv", ".yaml", ".yml"}
FOLDER = "local-dir:"
LOCAL = ("lexicon.", "captions.nltk_data", "frame_filter.published")  # parameters that never name a model on a hub
TAKEN = ("quilt", *SOURCES, "more", "search", "hydrate")  # names that a source of the user's own cannot have
HINTS = {"videos.catalog": ", with videos.txt, channels.txt or searches.txt in it"}


def check(all_params: Mapping[str, Any]) -> None:
    """Raise StageError where the parameters of a stage are missing, where one names a file, folder, program or
    pretrained model that is not there, where code of the user's own cannot be loaded, or where the protocol is wrong.

    A value is taken for a file by its ending, for a folder by `local-dir:`; any other may be a model's name on a hub.
    """
    if missing := sorted(schemas() - set(all_params)):
        raise StageError(f"params.yaml: section '{missing[0]}' is missing: restore it from Git")
    _check_names(all_params)
    for stage in sorted(schemas()):
        for name, places in all_params[stage].places().items():
            for place in places:
                _check_place(f"{stage}.{name}", place)
    for parameter, folder in _folders(all_params).items():
        if not Path(folder).is_dir() and not Path(folder).is_relative_to(DEMO_DIR):
            hint = HINTS.get(parameter, "")
            raise StageError(f"{parameter}: {folder} is not a folder: make it{hint}, or change the parameter")
    for parameter, value, takes, options in _extensions(all_params):
        if is_extension(value):
            load_extension(value, parameter, *takes, **options)
    launcher = all_params["quiltnet"].launcher.split()
    if not launcher or not shutil.which(launcher[0]):
        raise StageError(f"quiltnet.launcher: there is no program '{' '.join(launcher[:1])}'")
    for parameter, model, tag in _pretrained(all_params):
        _check_model(parameter, model, tag)
    load_protocol(all_params["evaluation"].protocol)


def _check_place(parameter: str, place: str) -> None:
    path = place.removeprefix(FOLDER)
    if path.startswith(PACKAGE):
        try:
            locate(path)
        except StageError as error:
            raise StageError(f"{parameter}: {error}") from None
        return
    there = Path(path).exists() or Path(path.rpartition("@")[2]).exists()
    if not there and (path != place or Path(path).suffix in FILES or parameter.startswith(LOCAL)):
        raise StageError(f"{parameter}: {path} does not exist: put it there or change the parameter")


def _folders(all_params: Mapping[str, Any]) -> dict[str, str]:
    """The folders that DVC takes for dependencies, by parameter."""
    sources = {f"sources.{name}.folder": getattr(all_params["sources"], name).folder for name in SOURCES}
    sources |= {f"sources.more.{name}.folder": source.folder for name, source in all_params["sources"].more.items()}
    return sources | {
        "frame_filter.frames": all_params["frame_filter"].frames,
        "magnification.tissue": all_params["magnification"].tissue,
        "videos.catalog": all_params["videos"].catalog,
        "evaluation.evalsets": all_params["evaluation"].evalsets,
        "audit.gold": all_params["audit"].gold,
    }


def _check_names(all_params: Mapping[str, Any]) -> None:
    """Raise StageError for a source or a flag that `dataset` names and nobody defines."""
    sources, frame_filter = all_params["sources"], all_params["frame_filter"]
    if taken := sorted({*sources.more} & {*TAKEN}):
        raise StageError(f"sources.more.{taken[0]}: there is a '{taken[0]}' already: give yours another name")
    if taken := sorted({*frame_filter.more_flags} & {*FLAGS, "file", "label", "source", "histology"}):
        raise StageError(f"frame_filter.more_flags: there is a '{taken[0]}' already: give yours another name")
    if frame_filter.more_flags and frame_filter.published:
        raise StageError("frame_filter.more_flags: the published filter cannot be taught: leave one of the two out")
    known = {
        "sources": ("quilt", *SOURCES, *sources.more),
        "flags": (*FLAGS, *frame_filter.more_flags),
    }
    for name, names in known.items():
        for one in getattr(all_params["dataset"], name):
            if one not in names:
                raise StageError(f"dataset.{name}: there is no '{one}' (known: {', '.join(names)})")


def _extensions(all_params: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...], dict[str, Any]]]:
    """(parameter, value, arguments by position, arguments by name) of all that may name code of the user's own; the
    protocol checks its loaders itself."""
    yield "captions.engine", all_params["captions"].engine, ("corrector", "params"), {}
    yield "quiltnet.loss", all_params["quiltnet"].loss, ("rank", "world", "params"), {}
    for value in all_params["dataset"].filters:
        if not is_extension(value):
            raise StageError(f"dataset.filters: '{value}' names no code: write it as FILE.py:NAME")
        yield "dataset.filters", value, ("pairs",), {}
    for name, source in all_params["sources"].more.items():
        yield f"sources.more.{name}.read", source.read, ("folder",), source.options


def _pretrained(all_params: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(parameter, model, pretrained tag) of every model that goes by open_clip's names."""
    places = [("quiltnet.model", f"{all_params['quiltnet'].model}@{all_params['quiltnet'].start}")]
    places += [("embeddings.others", place) for place in all_params["embeddings"].others]
    places += [("fingerprints.clip", all_params["fingerprints"].clip)] if all_params["fingerprints"].clip else []
    for parameter, place in places:
        model, _, tag = place.partition("@")
        if ":" not in model and not model.endswith(".json"):
            yield parameter, model, tag


def _check_model(parameter: str, model: str, tag: str) -> None:
    """Raise StageError for a model or a tag that open_clip does not know; a tag may also be a file."""
    import open_clip

    name = model.replace("/", "-")
    if name not in (known := open_clip.list_models()):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f", did you mean '{near[0]}'?" if near else ""
        raise StageError(f"{parameter}: open_clip knows no model '{model}'{hint}")
    names = (name, name.removesuffix("-quickgelu"))
    tags = {one for either in names for one in open_clip.list_pretrained_tags_by_model(either)}
    if tag not in {"none", *tags} and not (tag and Path(tag).exists()):
        weights = ", ".join(sorted(tags))
        raise StageError(f"{parameter}: '{model}' has no weights '{tag}' (known: {weights}, none, or a file)")
