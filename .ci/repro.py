"""`dvc repro` that says which stage of how many begins, after what time, and what it does in words."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping

from dvc.exceptions import DvcException
from dvc.repo import Repo

SEEN = re.compile(rb"(Running stage|Stage) '([^']+)'")  # what DVC says when it comes to a stage, run or not
COMMAND = ["dvc", "repro", *sys.argv[1:]]


class Progress:
    """Reads what `dvc repro` prints, piece by piece, and adds a line where a stage begins."""

    def __init__(self, stages: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self.stages, self.clock, self.begun = stages, clock, clock()
        self.number, self.rest = 0, b""

    def __call__(self, said: bytes) -> bytes:
        """The same, with the lines added; the last line, if it has not ended, waits for its end, unless it is a bar."""
        whole, newline, rest = (self.rest + said).rpartition(b"\n")
        lines = [self._line(line) for line in (whole + newline).splitlines(keepends=True)]
        self.rest, shown = (rest, b"") if SEEN.match(rest) else (b"", rest)
        return b"".join(lines) + shown

    def _line(self, line: bytes) -> bytes:
        found = SEEN.match(line)
        if not found:
            return line
        self.number += 1
        if found[1] == b"Stage":
            return line
        name, spent = found[2].decode(), int(self.clock() - self.begun)
        place = f"{self.number} of {len(self.stages)}, {spent // 60}:{spent % 60:02} so far"
        return f"== {name} ({place}): {self.stages.get(name, '')}".encode() + line[len(line.rstrip()) :]


def run(progress: Progress) -> int:
    """Run `dvc repro`, in a terminal of its own where this is one, so that bars stay bars; return its exit status."""
    if sys.stdout.isatty():
        return os.waitstatus_to_exitcode(pty.spawn(COMMAND, lambda end: _read(end, progress)))
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while said := os.read(process.stdout.fileno(), 1 << 16):
            sys.stdout.buffer.write(progress(said))
            sys.stdout.flush()
    return process.returncode


def _read(terminal: int, progress: Progress) -> bytes:
    """The next thing to show of what comes from a terminal, which is kept as wide as ours; nothing at its end."""
    termios.tcsetwinsize(terminal, termios.tcgetwinsize(sys.stdout.fileno()))
    while said := os.read(terminal, 1 << 16):
        if shown := progress(said):
            return shown
        select.select([terminal], [], [])  # `pty` does not block, and takes nothing for the end
    return b""


if __name__ == "__main__":
    try:
        described = {stage.addressing: (stage.desc or "").split(". ")[0] for stage in Repo().index.stages}
    except DvcException:
        described = {}  # `dvc repro` says what is wrong
    try:
        status = run(Progress(described))
    except KeyboardInterrupt:
        status = 130
    if status:
        print("== Stopped. What stages and their items have finished is kept: the same command goes on from here.")
    sys.exit(130 if status == 252 else status)  # DVC's own for Ctrl-C
