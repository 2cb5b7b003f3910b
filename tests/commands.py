"""What commands of this repository say of themselves."""

import contextlib
import functools
import io
import runpy
import sys
from unittest import mock


@functools.cache
def help_of(module: str) -> str:
    """What `python -m MODULE --help` prints, found out in this process: to start Python anew takes a second."""
    said = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["", "--help"]),
        contextlib.redirect_stdout(said),
        contextlib.suppress(SystemExit),
    ):
        runpy.run_module(module, run_name="__main__")
    return said.getvalue()
