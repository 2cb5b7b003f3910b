"""Remove the lock file that DVC left unreadable when it was killed, and on which every later `dvc` would fail."""

import json
from pathlib import Path

from dvc.lock import LockError, make_lock
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK


def unlock(folder: Path) -> bool:
    """Whether the lock in `folder` was removed: not where it can be read, nor while a `dvc` is writing it."""
    lock = folder / RWLOCK_FILE
    if not lock.exists():
        return False
    try:
        with make_lock(str(folder / RWLOCK_LOCK)):
            return _unreadable(lock)
    except LockError:
        return False


def _unreadable(lock: Path) -> bool:
    """Remove `lock` where it holds no JSON object, and say whether it did."""
    try:
        if isinstance(json.loads(lock.read_text(encoding="utf-8")), dict):
            return False
    except ValueError:
        pass
    lock.unlink()
    return True


if __name__ == "__main__" and unlock(Path(".dvc/tmp")):
    print("== Removed .dvc/tmp/rwlock, which a killed dvc had left unreadable")
