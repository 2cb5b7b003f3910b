"""The pages of docs/ that are made from the code: their facts are written once, where the code reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from stages.common.data.files import write_bytes
from stages.common.stage.params import ParamsModel
from stages.preflight.columns import columns_page
from stages.preflight.reference import parameters_page

PAGES: Mapping[Path, Callable[[Mapping[str, ParamsModel]], str]] = {
    Path("docs/columns.md"): lambda _: columns_page(),
    Path("docs/parameters.md"): parameters_page,
}


def write_pages(all_params: Mapping[str, ParamsModel]) -> int:
    """Write every page; return their number."""
    for path, page in PAGES.items():
        write_bytes(path, page(all_params).encode())
    return len(PAGES)
