"""A user's own code, which a parameter names instead of a built-in choice: `path/to/file.py:NAME`.

The path goes from the repository root. `package.module:NAME` names what an installed package brings.
"""

import contextlib
import functools
import hashlib
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import AfterValidator

from stages.common.errors import Failed, Rejected, StageError

EXTENSION = re.compile(r"(?P<place>[^:\s][^:]*):(?P<name>[A-Za-z_]\w*)")
SUFFIX = ".py"
FORM = "FILE.py:NAME"
PACKAGE = re.compile(r"\bextensions_[0-9a-f]{12}\b")  # what the folder of a file is called as a package


def is_extension(value: str) -> bool:
    """Whether a parameter's value names code of a user's own; built-in choices have no colon."""
    return EXTENSION.fullmatch(value) is not None


def one_of(*choices: str) -> AfterValidator:
    """Let a text parameter be one of `choices`, or name an extension."""

    def check(value: str) -> str:
        if value in choices or is_extension(value):
            return value
        raise ValueError(f"should be {', '.join([*choices, FORM])}")

    return AfterValidator(check)


def extension_file(value: str) -> Path | None:
    """The file that `FILE.py:NAME` names; None for any other text."""
    found = EXTENSION.fullmatch(value)
    return Path(found["place"]) if found and found["place"].endswith(SUFFIX) else None


def load_extension(value: str, parameter: str, *takes: str, **options: Any) -> Callable[..., Any]:
    """Return the function or class that `value` names. It must take the arguments `takes`, by position, and `options`.

    Raises StageError that names `parameter` where there is no such file or name, where the file cannot be run, or where
    the function takes other arguments. So does the function returned, where that of the user fails or returns nothing.
    """
    found = EXTENSION.fullmatch(value)
    if not found:
        raise StageError(f"{parameter}: '{value}' names no code: write it as {FORM}")
    file = extension_file(value)
    with named_errors(value, parameter):
        module = _module_of_file(file) if file else _installed(found["place"])
    function = getattr(module, found["name"], None)
    if function is None:
        known = ", ".join(sorted(_own_functions(module))) or "nothing"
        raise StageError(f"{parameter}: {found['place']} defines no '{found['name']}' (it defines: {known})")
    if not callable(function):
        raise StageError(f"{parameter}: {value} should be a function, not of the type {type(function).__name__}")
    _check_arguments(function, value, parameter, takes, options)

    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        with named_errors(value, parameter):
            answer = function(*args, **named)
        if answer is None:
            raise StageError(f"{parameter}: {value} returned nothing")
        return answer

    return call


@contextlib.contextmanager
def named_errors(value: str, parameter: str) -> Iterator[None]:
    """Make one line of an error inside the code that `value` names: a StageError with the parameter, file and line."""
    file = extension_file(value)
    place = value.rpartition(":")[0]
    try:
        yield
    except (StageError, Failed, Rejected):
        raise
    except SystemExit as error:
        raise StageError(f"{parameter}: {place}{_line_of(error, file)}: it ends the process: raise an error") from error
    except Exception as error:
        raise StageError(f"{parameter}: {place}{_line_of(error, file)}: {_explain(error, file)}") from error


def iterate(rows: Iterable[Any], value: str, parameter: str) -> Iterator[Any]:
    """Yield `rows`, which the code that `value` names returned, perhaps as a generator that has yet to run; an error on
    the way is named as by `named_errors`."""
    with named_errors(value, parameter):
        yield from rows


def _module_of_file(file: Path) -> ModuleType:
    """The module in `file`, run once in this process. Its folder is a package of its own, whatever it is called, so
    that files beside it are found (`from .other import name`) and no installed package is mistaken for one."""
    if not file.is_file():
        raise FileNotFoundError("no such file: paths go from the repository root")
    folder = file.resolve().parent
    package = f"extensions_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"
    name = f"{package}.{file.stem.replace('.', '%2E')}"  # one that no other file has
    if name not in sys.modules:
        if package not in sys.modules:
            parent = module_from_spec(ModuleSpec(package, None, is_package=True))
            parent.__path__ = [str(folder)]
            sys.modules[package] = parent
        spec = spec_from_file_location(name, file.resolve())
        assert spec and spec.loader
        sys.modules[name] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _installed(place: str) -> ModuleType:
    """The module `place` of an installed package."""
    own = Path(place.replace(".", "/"))
    for file in (own.with_suffix(SUFFIX), own / "__init__.py"):
        if file.is_file():  # an edit of it would go unseen
            raise ImportError(f"this is a file of the repository: name it as {file.as_posix()}:NAME")
    return importlib.import_module(place)


def _explain(error: Exception, file: Path | None) -> str:
    """What is wrong with a module, on one line."""
    said = PACKAGE.sub(file.resolve().parent.name if file else "", " ".join(str(error).split()))
    if file and isinstance(error, ImportError) and "beyond top-level package" in said:
        return f"{said}: only files in its own folder or below it can be imported with a dot"
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if file and missing and file.with_name(f"{missing.partition('.')[0]}{SUFFIX}").exists():
        return f"{said}: import a file beside it with a dot, as in `from .{missing} import NAME`"
    return said if isinstance(error, FileNotFoundError | ImportError) else f"{type(error).__name__}: {said}"


def _line_of(error: BaseException, file: Path | None) -> str:
    """Where in `file` an error arose, as " line N", or ""."""
    if isinstance(error, SyntaxError) or not file:
        return ""  # says its line itself
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file.resolve())]
    return f" line {lines[-1]}" if lines else ""


def _own_functions(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    ]


def _check_arguments(
    function: Callable[..., Any], value: str, parameter: str, takes: tuple[str, ...], options: dict[str, Any]
) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # of a function that is not written in Python
        return
    try:
        signature.bind(*takes, **options)
    except TypeError as error:
        wanted = ", ".join([*takes, *(f"{name}=..." for name in options)])
        raise StageError(f"{parameter}: {value} is called with ({wanted}): {error}") from None
