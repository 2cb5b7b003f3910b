"""The content of a file, whoever wrote it: a digest, and the names of other files in it."""

import ast
import hashlib
import json
from pathlib import Path
from typing import Any


def content_digest(path: Path) -> str:
    """Hex digest of a file; of JSON and YAML the values count and of Python the statements, their layout and comments
    do not."""
    values = ast.dump(tree) if (tree := _tree_of(path)) else values_of(path)
    if values is not None:
        return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def values_of(path: Path) -> Any:
    """What a JSON or YAML file of up to a megabyte holds; None for any other file."""
    from ruamel.yaml import YAML, YAMLError

    if path.suffix not in (".json", ".yaml", ".yml") or path.stat().st_size > 1 << 20:
        return None
    try:
        return json.loads(path.read_bytes()) if path.suffix == ".json" else YAML(typ="safe").load(path)
    except (ValueError, YAMLError):
        return None


def imported_files(path: Path) -> list[Path]:
    """The files that the Python file at `path`, which is not of this package, imports from its own folder or from
    below the working directory. What it imports of this package is not among them."""
    found: list[Path] = []
    for node in ast.walk(_tree_of(path) or ast.Module([], [])):
        if isinstance(node, ast.ImportFrom):
            folder = Path(path.parent, *[".."] * (node.level - 1)) if node.level else Path()
            names = [node.module or "", *(f"{node.module or ''}.{alias.name}".strip(".") for alias in node.names)]
            names = [] if not node.level and names[0].split(".")[0] == "stages" else names
        elif isinstance(node, ast.Import):
            folder, names = Path(), [alias.name for alias in node.names if alias.name.split(".")[0] != "stages"]
        else:
            continue
        places = [folder] if isinstance(node, ast.ImportFrom) and node.level else []
        for name in filter(None, names):  # importing a.b runs a/__init__.py as well
            parts = name.split(".")
            places += [folder.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
        found += [file for place in places for file in (Path(f"{place}.py"), place / "__init__.py") if file.is_file()]
    return list(dict.fromkeys(found))


def texts_of_code(path: Path) -> list[str]:
    """The texts in the Python file at `path`."""
    nodes = ast.walk(_tree_of(path) or ast.Module([], []))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _tree_of(path: Path) -> ast.Module | None:
    """The syntax tree of a Python file; None for any other, and for one that is not Python."""
    try:
        return ast.parse(path.read_bytes()) if path.suffix == ".py" else None
    except (SyntaxError, ValueError):
        return None
