"""Print what a pull request changes in the pipeline, as Markdown: python .ci/comment.py BASE

Three tables against the commit BASE: stages that are stale (`dvc status`), parameters (`dvc params diff`) and metrics
(`dvc metrics diff`). A checkout in CI has no data, so data that is not there is no change.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

MOST = 100  # rows of a table: a comment on GitHub has at most 65,536 letters
MISSING = {"deleted", "not in cache"}
PAGE = """\
### What this changes in the pipeline

**Stages that have to run again** (`dvc status`; those after them follow where outputs change)

{status}

**Parameters** (`dvc params diff`)

{params}

**Metrics** (`dvc metrics diff`)

{metrics}
"""


def page(base: str) -> str:
    """The comment on the working tree against the commit `base`."""
    status = stale(json.loads(dvc("status", "--json")))
    rows = [f"| `{stage}` | {', '.join(f'`{name}`' for name in changed)} |" for stage, changed in status.items()]
    return PAGE.format(
        status=_table(["| stage | changed |", "|---|---|", *rows]),
        params=_table(dvc("params", "diff", "--md", base).splitlines()),
        metrics=_table(dvc("metrics", "diff", "--md", base).splitlines()),
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


def _table(lines: list[str]) -> str:
    """A Markdown table of at most MOST rows; a word where it is empty."""
    head, rows = lines[:2], [line for line in lines[2:] if line.strip()]
    if not rows:
        return "None."
    more = [f"\n... and {len(rows) - MOST} more."] if len(rows) > MOST else []
    return "\n".join([*head, *rows[:MOST], *more])


if __name__ == "__main__":
    print(page(sys.argv[1]))
