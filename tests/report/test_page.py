"""The page escapes what came from outside and shows what was measured."""

import numpy as np
from PIL import Image

from stages.common.data.files import jpeg, write_table
from stages.common.data.tars import write_tar
from stages.common.tables.pairs import pairs_table
from stages.report.page import build


def test_text_from_outside_is_escaped_and_the_page_repeats(tmp_path, stage_params):
    write_tar(tmp_path / "v.tar", {"0.jpg": jpeg(Image.fromarray(np.zeros((90, 160, 3), np.uint8)))})
    row = {
        "pair_id": "p",
        "source": "openpath",
        "image": f"{tmp_path}/v.tar#0.jpg",
        "text": "<script>alert(1)</script>",
        "box": "[0.1, 0.1, 0.5, 0.5]",
        "kind": "roi",
    }
    table = pairs_table([row])
    table["split"] = "train"
    write_table(tmp_path / "pairs.parquet", table)
    pages = []
    for name in ("one", "two"):
        build(
            stage_params("report"),
            "Demo world: never how good, <b>you</b> know.",
            {"dataset": {"pairs": 1234, "images": 7}},
            tmp_path / "pairs.parquet",
            [],
            tmp_path / name / "index.html",
            seed=0,
        )
        pages.append((tmp_path / name / "index.html").read_text())
    assert pages[0] == pages[1]
    assert "<script>" not in pages[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0]
    assert "<b>1,234</b>pairs" in pages[0]
    assert "Demo world: never how good, &lt;b&gt;you" in pages[0]
    summary = (tmp_path / "one" / "summary.txt").read_text()
    assert "1,234" in summary
    assert "never how good" in summary
