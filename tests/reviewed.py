"""A dataset's table for tests of what readers review."""

import numpy as np

from stages.common.tables.pairs import pairs_table

SOURCES = {"quilt": 300, "pubmed": 60, "laion": 8, "openpath": 40}
FIELDS = ("Breast", "Renal", "unknown")
ATTACK = "<script>alert(1)</script></script><img src=x onerror=alert(2)>"


def dataset(image="x.tar#{}.jpg", **sizes):
    """Pairs of several sources; videos have a field, times, and a box now and then."""
    rng, rows = np.random.default_rng(0), []
    for source, size in (sizes or SOURCES).items():
        for n in range(size):
            said = {"video_id": f"v{n % 9}", "start_s": 10.0 * n, "end_s": 10.0 * n + 4, "box": "[0.1, 0.2, 0.5, 0.6]"}
            more = said if source == "quilt" and n % 2 else {"box": "[]"}
            rows.append(
                {
                    "pair_id": f"{source}_{n:04d}",
                    "source": source,
                    "group": f"{source}_{n % 9}",
                    "image": image.format(f"{source}{n}"),
                    "text": f"Text {n} {ATTACK}" if n == 3 else f"Text {n} of word{rng.integers(99)}",
                    "sub_pathology": FIELDS[n % 3] if source == "quilt" else "",
                    "confidence": (0.4, 0.9, 1.0, 1.0)[n % 4],
                    "magnification": (0, 1, 2, np.nan)[n % 4],
                    **more,
                }
            )
    table = pairs_table(rows).assign(split="train")
    return table.assign(text_group=table.pair_id)
