"""How every stage starts, reports and ends."""

import argparse
import errno
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.named import link_named_files
from stages.common.params import Base, has_block, load, load_all

TIMINGS = Path("reports/timings")


def run_stage(
    name: str,
    make: Callable[..., Mapping[str, Any]],
    doc: str | None,
    choices: Sequence[str] = (),
    default: str = "",
) -> None:
    """Run one stage from the command line and exit.

    `make(block, base)`, without the block for a stage that has none, or `make(block, base, choice)` where the stage
    takes one of `choices` (`default` where none is given), does the work and returns counts for the summary line; the
    count called `items` also gives items/s. A StageError, or a full disk, ends the process with one line and exit code
    1.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if choices:
        parser.add_argument(
            "what",
            choices=choices,
            nargs="?" if default else None,
            default=default or None,
            help="which part of the stage to make" + (f" (default: {default})" if default else ""),
        )
    args = parser.parse_args()
    title = f"{name}@{args.what}" if choices and args.what != default else name
    warnings.filterwarnings("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    os.environ["PYTHONWARNINGS"] = "ignore"  # reaches worker processes
    started = time.perf_counter()
    first = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started
    try:
        base = load("base")[1]
        set_environment(base)
        if first:
            link_named_files(load_all())
        given = [load(name)[0]] if has_block(name) else []
        summary = make(*given, base, *([args.what] if choices else []))
    except StageError as error:
        sys.exit(f"{title}: error: {error}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(
            f"{title}: error: the disk is full at {error.filename}: free some space and run `dvc repro` again; "
            "finished items are kept"
        )
    if first:
        _report(title, summary, time.perf_counter() - started)


def set_environment(base: Base) -> None:
    """Environment variables that libraries read when they are first imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_MININTERVAL", "1")
    if base.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _report(title: str, summary: Mapping[str, Any], seconds: float) -> None:
    rate = f", {summary['items'] / seconds:.1f} items/s" if summary.get("items") else ""
    counts = ", ".join(
        f"{value:,} {key}" if isinstance(value, int) else f"{key} {value}" for key, value in summary.items()
    )
    print(f"{title}: {counts}, {seconds:.1f} s{rate}", flush=True)
    TIMINGS.mkdir(parents=True, exist_ok=True)
    (TIMINGS / f"{title}.json").write_text(json.dumps({"seconds": round(seconds, 2), **summary}, indent=1) + "\n")
