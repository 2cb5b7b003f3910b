"""The identity of a stage's code: its syntax tree, so that comments and spacing do not count."""

import ast
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def sources(package: str) -> list[Path]:
    """Return the modules of `package` (`stages.x`) and all of this repository that they import, sorted.

    Paths are absolute. Only imports of `stages.` count; libraries are pinned by requirements.lock.
    """
    queue = [*(ROOT / package.replace(".", "/")).glob("*.py")]
    seen: set[Path] = set()
    while queue:
        path = queue.pop()
        if path not in seen:
            seen.add(path)
            queue.extend(_imports(ast.parse(path.read_text(encoding="utf-8"))))
    return sorted(seen)


def code_digest(package: str) -> str:
    """Hex sha256 over the syntax trees of `sources(package)`."""
    total = hashlib.sha256()
    for path in sources(package):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        total.update(f"{path.relative_to(ROOT).as_posix()}\n{ast.dump(tree)}\n".encode())
    return total.hexdigest()


def _imports(tree: ast.Module) -> list[Path]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stages"):
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.startswith("stages.")]
    candidates = (ROOT / f"{name.replace('.', '/')}.py" for name in names)
    return [path for path in candidates if path.exists()]
