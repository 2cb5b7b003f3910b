"""Which run an export is of, in a line for its card."""

from pathlib import Path

from stages.common.errors import StageError


def run_line(output: Path) -> str:
    """The digest under which dvc.lock has `output`; empty outside of a DVC repository.

    Raises StageError where the output is not what dvc.lock says.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            (out,) = repo.find_outs_by_path(str(output))
            changed, digest = out.status(), out.hash_info.value
    except NotDvcRepoError:
        return ""
    if changed:
        raise StageError(f"{output} is not what dvc.lock says: run `dvc repro` or `dvc checkout {output}`")
    return (
        f"Made by the run whose `dvc.lock` has `{output.as_posix()}` as `{digest}`; "
        f"`git log -S {digest} -- dvc.lock` finds its commit."
    )
