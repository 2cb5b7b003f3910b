"""Whether DVC was run with --force."""

from pathlib import Path


def forced() -> bool:
    """True when `dvc repro --force` or `dvc exp run --force` started this process, directly or through other processes.

    DVC does not pass the option on to its commands, so it is read from the command lines of the parent processes.
    Queued experiments run below a worker process without options, so for them this is False.
    """
    import psutil
    from dvc.cli import DvcParserError, parse_args

    for process in psutil.Process().parents():
        try:
            words = process.cmdline()
            place = next((n for n, word in enumerate(words[:3]) if Path(word).name == "dvc"), None)
            if place is not None and getattr(parse_args(words[place + 1 :]), "force", False):
                return True
        except (psutil.Error, DvcParserError):
            continue
    return False
