"""Print what a pull request changes in the pipeline, as Markdown.

Three tables: stages that are stale by dvc.lock as it is here, whoever made them so (`dvc status`); and parameters (`dvc
params diff`) and metrics (`dvc metrics diff`) that differ from the commit BASE. A checkout in CI has no data, so data
that is not there is not a change.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

# A comment on GitHub has at most 65,536 letters.
MOST = 40  # rows of a table
NAMED = 8  # names in a cell
LONGEST = 60  # letters of a value
MISSING = {"deleted", "not in cache"}
PAGE = """\
### What this changes in the pipeline

**Stages that have to run again**, by `dvc.lock` of this branch: also those that were stale before (`dvc status`; those
after them follow where outputs change)

{status}

**Parameters** that differ from the base (`dvc params diff`)

{params}

**Metrics** that differ from the base (`dvc metrics diff`)

{metrics}
"""


def page(base: str) -> str:
    """The comment on the working tree against the commit `base`."""
    status = stale(json.loads(dvc("status", "--json")))
    return PAGE.format(
        status=table(("stage", "changed"), [(_code(stage), _list(names)) for stage, names in status.items()]),
        params=table(("file", "parameter", "before", "now"), _differences("params", base, ("old", "new"))),
        metrics=table(
            ("file", "metric", "before", "now", "change"), _differences("metrics", base, ("old", "new", "diff"))
        ),
    )


def stale(status: dict[str, list[Any]]) -> dict[str, list[str]]:
    """What has changed of each stage in the answer of `dvc status --json`: files, parameters, the command."""
    changes = [(stage, *change) for stage, entries in status.items() for entry in entries for change in _changes(entry)]
    absent = {name for _, name, how in changes if how in MISSING}
    found: dict[str, list[str]] = {}
    for stage, name, how in changes:
        if how not in MISSING and not any(one.startswith(f"{name}/") for one in absent):
            found.setdefault(stage, []).append(name)
    return found


def _changes(entry: Any) -> Iterator[tuple[str, str]]:
    """(what, how) of one entry of a stage: a text, or what has changed by kind."""
    if isinstance(entry, str):
        yield from [] if entry == "always changed" else [(entry.removeprefix("changed "), "modified")]
        return
    for names in entry.values():
        for name, how in names.items():
            # A file of parameters, of which one that is no more has changed, too; or any other file.
            yield from [(one, "modified") for one in how] if isinstance(how, dict) else [(name, how)]


def dvc(*words: str) -> str:
    """What a dvc command prints; one that fails ends this one with its message."""
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"dvc {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _differences(what: str, base: str, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Rows of `dvc params diff` or `dvc metrics diff`, sorted: file, name, and the values in `columns`."""
    return [
        (_code(file), _code(name), *(_value(values.get(column)) for column in columns))
        for file, names in sorted(json.loads(dvc(what, "diff", "--json", base)).items())
        for name, values in sorted(names.items())
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of at most MOST rows; a word where there are none."""
    if not rows:
        return "None."
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows[:MOST])]
    more = [f"\n... and {len(rows) - MOST} more."] if len(rows) > MOST else []
    return "\n".join([*lines, *more])


def _list(names: Sequence[str]) -> str:
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*map(_code, names[:NAMED]), *more])


def _value(value: Any) -> str:
    """A value in a cell; one that is not there, which DVC leaves out or gives as null, is `-`."""
    return _code("-" if value is None else value)


def _code(value: Any) -> str:
    """A value as code in a cell of a table, on one line: nothing in it is Markdown, an end of the cell or a mention."""
    text = " ".join(str(value).replace("`", "'").split()) or " "
    return f"`{text if len(text) <= LONGEST else text[: LONGEST - 3] + '...'}`".replace("|", "\\|")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python .ci/comment.py", description=__doc__.splitlines()[0])
    parser.add_argument("base", metavar="BASE", help="the commit to compare with, as main")
    print(page(parser.parse_args().base))
