"""What results depend on besides their input: code, parameters, files that parameters name, models, libraries.

One answer for item keys of the incremental stages, for the key under which an interrupted training resumes, and for the
dependency lines of dvc.yaml, which `make deps` writes.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stages.common.incremental.code import code_digest
from stages.common.incremental.contents import content_digest, imported_files, texts_of_code, values_of
from stages.common.models.weights import PACKAGE, locate
from stages.common.stage.extensions import extension_file
from stages.common.stage.params import ParamsModel

SCHEMES = ("local-dir:", "transformers:")


@dataclass(frozen=True)
class Dependencies:
    """What results depend on besides their input.

    Args:
        code: functions and classes that make the results; what they need counts with them.
        params: parameters; of a ParamsModel those that are not Operational, and the content of what its Place ones
            name.
        models: names of models, tables and the like to digests of their content.
        libraries: names of installed packages that make the bytes; their versions count.
    """

    code: tuple[Callable[..., Any], ...] = ()
    params: ParamsModel | Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()

    def digest(self) -> str:
        """One hex digest of all of them."""
        params = self.params if isinstance(self.params, ParamsModel) else None
        parts = {
            "code": code_digest(*self.code),
            "params": params.results() if params else dict(self.params),
            "places": {name: content(values) for name, values in params.places().items()} if params else {},
            "models": dict(self.models),
            "libraries": {name: version(name) for name in self.libraries},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def content(places: Iterable[str]) -> str:
    """Hex digest of the files that `places` name, of those in a folder too; names of no file count by themselves."""
    files = [content_digest(path) for place in places for path in named_files(place)]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()


def named_files(place: str, packaged: bool = True) -> list[Path]:
    """Return the files that a parameter's value names, sorted, with those that they name in their turn.

    A value may be a file, a folder, `package:NAME/path`, `local-dir:FOLDER`, `transformers:FOLDER`, MODEL@FILE or
    FILE.py:NAME; the name of a model on a hub gives none. A JSON or YAML file names others in its texts: a protocol the
    one that it extends, a model's config its towers. So does a Python file, which also imports others, but only below
    the working directory or the folder of the Python file that was named first. Without `packaged`, what installed
    packages carry is left out.
    """
    found: set[Path] = set()
    # Each path with the folder of the Python file through which it was found, if there is one.
    queue: list[tuple[Path, Path | None]]
    queue = [(path, None) for part in _parts(place) for path in _existing(part, Path(), packaged)]
    while queue:
        path, home = queue.pop()
        if path.is_dir():
            queue += [(one, home) for one in path.iterdir()]
        elif path.is_file() and path not in found:
            found.add(path)
            others = [other for text in _texts(path) for other in _existing(text, path.parent, packaged)]
            # A protocol names its evalsets' folders too, and those are dependencies of their own.
            others = [other for other in others if other.is_file() or path.suffix == ".json"]
            if path.suffix == ".py":
                home = home or path.parent
                others += imported_files(path)
            # A text in code may be anything: that a file elsewhere has that name is chance.
            queue += [(other, home) for other in others if home is None or _is_below(other, Path(), home)]
    return sorted(found)


def _is_below(path: Path, *folders: Path) -> bool:
    """Whether `path` as it is written, links not followed, lies below one of `folders`."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - takes out `..` without following links
    return any(whole.is_relative_to(os.path.abspath(folder)) for folder in folders)  # noqa: PTH100


def _parts(place: str) -> set[str]:
    """What of a value may be a path."""
    for scheme in SCHEMES:
        place = place.removeprefix(scheme)
    return {place, place.partition("@")[2]} - {""}


def _existing(text: str, folder: Path, packaged: bool) -> list[Path]:
    """The files or folders that a text names, from `folder` or the working directory."""
    if text.startswith(PACKAGE):
        return [locate(text)] if packaged else []
    if len(text) > 255 or "\n" in text:
        return []
    place = extension_file(text) or Path(text)
    return [path for path in {place, folder / place} if path.exists()]


def _texts(file: Path) -> Iterator[str]:
    """Texts of a JSON, YAML or Python file that may name another file."""
    queue = [texts_of_code(file) if file.suffix == ".py" else values_of(file)]
    while queue:
        value = queue.pop()
        if isinstance(value, dict | list):
            queue += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str) and set(value) & set("./") and set(value) - set("./"):
            yield value
