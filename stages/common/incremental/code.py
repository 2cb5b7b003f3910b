"""The code that results depend on: the files of this repository that a package imports, and a digest of the code that a
function uses. Comments, docstrings, annotations and texts of messages change no result, so they do not count."""

import ast
import builtins
import functools
import hashlib
import json
import re
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from stages.common.incremental.contents import content_digest

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = "params"  # modules of this name only declare parameters; their values count, and come from params.yaml
# Calls that only print or log.
SHOWN = re.compile(
    r"print|(tqdm|progress)\.write|warnings\.warn|(logging|logger|log)\.(debug|info|warning|error|exception)"
)
# Keyword arguments, by function, that only people read.
FOR_PEOPLE = {
    "tqdm": {"desc", "unit", "leave", "delay", "mininterval"},
    "Column": {"meaning", "unit"},
    "Field": {"description"},
    "Table": {"rows"},
}


def sources(*places: str, without: Collection[str] = ()) -> list[Path]:
    """Return the modules at `places` (`stages.x`, with all that is below it, or `stages.x.module`) and all of this
    repository that they import, directly or not, sorted; except modules whose file names are in `without`, and what
    only those import. Paths are absolute. Libraries are not among them: requirements.lock pins them."""
    queue: list[Path] = []
    for place in places:
        folder = ROOT / place.replace(".", "/")
        queue += folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]
    seen: set[Path] = set()
    while queue:
        path = queue.pop()
        if path not in seen:
            seen.add(path)
            for module, name in _imports(ast.parse(path.read_text(encoding="utf-8"))).values():
                wanted = [found for place in (module, f"{module}.{name}") if (found := _file(place))]
                queue += [found for found in wanted if found.name not in without]
    return sorted(seen)


def code_digest(*roots: Callable[..., Any]) -> str:
    """Hex digest of the code of the package `stages` that the functions and classes `roots` use, in whatever module,
    and of the data files that this code names.

    A function counts with the functions, classes and constants that it refers to, and those with theirs; the rest of
    their modules does not. Of a functools.partial its arguments' classes count too.
    """
    needed = _Needed()
    for root in roots:
        for module, name in _places(root):
            needed.add(module, name)
    return hashlib.sha256(json.dumps(sorted(needed.parts())).encode()).hexdigest()


class _Module:
    """A module's top-level statements by the names that they bind; `loose` are those that bind none."""

    def __init__(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self.path = path
        self.imports = _imports(tree)
        self.bound: dict[str, list[ast.stmt]] = {}
        self.loose: list[ast.stmt] = []
        for statement in tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom) or _is_main(statement) or _is_text(statement):
                continue
            names = _binds(statement)
            for name in names:
                self.bound.setdefault(name, []).append(statement)
            if not names:
                self.loose.append(statement)


class _Needed:
    """Collects the statements that count: those of the roots, those that these refer to, and so on."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._parts: dict[tuple[str, int], str] = {}
        self._files: dict[str, str] = {}

    def parts(self) -> list[list[str]]:
        """Modules with the statements that count, and data files with their content."""
        return [[key[0], text] for key, text in self._parts.items()] + [list(pair) for pair in self._files.items()]

    def add(self, module: str, name: str) -> None:
        """Count what defines `name` in `module` and what that refers to; the whole module if it defines no `name`."""
        if (module, name) in self._seen or not (path := _file(module)) or path.stem == SCHEMAS:
            return
        self._seen.add((module, name))
        found = _module(path, path.stat().st_mtime_ns)
        if name in found.imports:
            self._follow(*found.imports[name])
            return
        statements = (
            found.bound[name] if name in found.bound else [one for rows in found.bound.values() for one in rows]
        )
        for statement in [*found.loose, *statements]:
            self._count(module, found, statement)

    def _follow(self, module: str, name: str) -> None:
        """Count what an import names: a name of a module, or a whole module."""
        if _file(f"{module}.{name}"):
            module, name = f"{module}.{name}", ""
        self.add(module, name)

    def _count(self, module: str, found: _Module, statement: ast.stmt) -> None:
        key = (module, statement.lineno)
        if key in self._parts:
            return
        plain = _Plain().visit(ast.parse(ast.unparse(statement)))
        self._parts[key] = ast.dump(plain)
        here = found.imports | _imports(statement)
        # An annotation does not count, but the class that it names does: methods of arguments are called.
        for node in [*ast.walk(plain), *(part for hint in _annotations(statement) for part in ast.walk(hint))]:
            if isinstance(node, ast.Name) and node.id in here:
                self._follow(*here[node.id])
            elif isinstance(node, ast.Name) and node.id in found.bound:
                self.add(module, node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._name_file(found.path, node.value)

    def _name_file(self, path: Path, text: str) -> None:
        """Count the data file that `text` names, beside its module or from the repository's root."""
        if not 0 < len(text) < 200 or "\0" in text or "." not in text:
            return
        beside = path.parent.rglob(Path(text).name) if Path(text).suffix else ()
        for file in (*beside, path.parent / text, ROOT / text):
            if file.is_file() and file.suffix != ".py" and file.resolve().is_relative_to(ROOT / "stages"):
                self._files[file.resolve().relative_to(ROOT).as_posix()] = content_digest(file)


class _Plain(ast.NodeTransformer):
    """Removes what cannot change a result: docstrings, annotations, error messages, log and print calls."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Pass(self, node: ast.Pass) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        call = node.value if isinstance(node.value, ast.Call) else None
        shown = call and SHOWN.fullmatch(ast.unparse(call.func)) and "file" not in {word.arg for word in call.keywords}
        return None if shown or isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = ast.unparse(node.func).split(".")[-1]
        if name == "Column":  # what a column means, and its unit
            node.args = node.args[:2]
        node.keywords = [word for word in node.keywords if word.arg not in FOR_PEOPLE.get(name, ())]
        return self.generic_visit(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        _without_hints(node.body)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        for argument in _arguments(node):
            argument.annotation = None
        _without_hints(node.body)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            name = node.exc.func.id
            if name == "Rejected":  # its first argument is the reason, which is a result
                node.exc.args, node.exc.keywords = node.exc.args[:1], []
            elif name in ("StageError", "Failed") or hasattr(builtins, name):
                node.exc.args, node.exc.keywords = [], []
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    every = function.args
    one_by_one = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
    return [argument for argument in one_by_one if argument is not None]


def _annotations(statement: ast.stmt) -> list[ast.expr]:
    """Annotations of the functions below `statement`."""
    functions = [node for node in ast.walk(statement) if isinstance(node, ast.FunctionDef)]
    hints = [hint for one in functions for hint in (one.returns, *(part.annotation for part in _arguments(one)))]
    return [hint for hint in hints if hint is not None]


def _without_hints(body: list[ast.stmt]) -> None:
    """Blank the annotations of variables; those of a class's fields stay, since they can change results."""
    for statement in body:
        if isinstance(statement, ast.AnnAssign):
            statement.annotation = ast.Constant(value=None)


def _places(root: Any) -> Iterator[tuple[str, str]]:
    """(module, top-level name) of a function, class or instance; of a partial also of its arguments."""
    if isinstance(root, functools.partial):
        for value in (root.func, *root.args, *root.keywords.values()):
            yield from _places(value)
        return
    found = root if hasattr(root, "__qualname__") else type(root)
    found = getattr(found, "__wrapped__", found)
    module = found.__module__
    if module == "__main__" and (spec := getattr(sys.modules[module], "__spec__", None)):
        module = spec.name  # run as `python -m`
    yield module, found.__qualname__.partition(".")[0]


@functools.cache
def _module(path: Path, modified: int) -> _Module:
    return _Module(path)


def _file(module: str) -> Path | None:
    """The file of a module or package of this repository, None for any other."""
    place = ROOT / module.replace(".", "/")
    paths = (place.with_suffix(".py"), place / "__init__.py") if module.startswith("stages.") else ()
    return next((path for path in paths if path.is_file()), None)


def _imports(tree: ast.AST) -> dict[str, tuple[str, str]]:
    """Local name to (module, name in it) of every import of `stages.` below `tree`."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stages":
            found |= {alias.asname or alias.name: (node.module or "", alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            own = [alias for alias in node.names if alias.name.startswith("stages.")]
            found |= {alias.asname or alias.name.partition(".")[0]: (alias.name, "") for alias in own}
    return found


def _binds(statement: ast.stmt) -> set[str]:
    """Top-level names that a statement binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
