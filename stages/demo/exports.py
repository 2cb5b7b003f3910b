"""Exports of the other sources in their real forms, with planted duplicates and test-set leaks."""

import csv
import gzip
import io
import tarfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import cv2
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from PIL import Image

from stages.common.data.files import jpeg, write_bytes, write_json, write_table
from stages.demo.captioned import COUNTS, WAYS, Captioned, copied, make
from stages.demo.real import PHOTOGRAPHS, photograph
from stages.demo.script import narration

COPIED, LEAKED = 0.2, 0.1  # shares of the tweets and of the web images that are added as duplicates and leaks
TABLE = 4  # as many tweets as there are images in the table, to one of them
MIRROR = "images.example.org"


def make_exports(out: Path, evalsets: Path, gold: Path, size: str, seed: int, jobs: int) -> dict[str, Any]:
    """Write the exports pubmed, openpath, laion and table below `out`, and to `gold` what each image shows and which
    copies and leaks were planted."""
    articles, tweets, pages = COUNTS[size]
    rng = np.random.default_rng([seed, 4242])
    made = {
        name: Parallel(n_jobs=jobs)(delayed(make)(name, n, seed) for n in range(count))
        for name, count in (
            ("pubmed", articles * 3),
            ("openpath", tweets),
            ("laion", pages),
            ("table", tweets // TABLE),
        )
    }
    tests = sorted((evalsets / "nct_crc" / "CRC-VAL-HE-7K").rglob("*.tif")) + sorted(
        (evalsets / "lc25000_lung").rglob("*.jpeg")
    )
    tests = [path for path in tests if "BACK" not in path.parts]
    labels: list[dict[str, str]] = []
    _pubmed(out / "pubmed", made["pubmed"], labels)
    openpath = made["openpath"] + _planted(made["pubmed"], tests, tweets, rng)
    _openpath(out / "openpath", openpath, labels)
    laion = made["laion"] + _planted(made["openpath"], tests[::-1], pages, rng)
    _laion(out / "laion", laion, labels, rng)
    _table(out / "table", made["table"], labels)
    write_json(gold, labels)
    return {"items": len(labels)}


def _planted(others: list[Captioned], tests: list[Path], count: int, rng: np.random.Generator) -> list[Captioned]:
    """Copies of another source's images and of test images, in all of WAYS by turns."""
    only = narration()["only_in"]
    others = [item for item in others if item.tissue not in only]  # a copy would show it in a second source
    found = []
    for turn, number in enumerate(rng.permutation(len(others))[: round(COPIED * count)]):
        item, way = others[number], WAYS[turn % len(WAYS)]
        found.append(Captioned(copied(item.image, way, rng), item.caption, item.tissue, way))
    for turn, number in enumerate(rng.permutation(len(tests))[: max(1, round(LEAKED * count))]):
        pixels = np.asarray(Image.open(tests[number]).convert("RGB"))
        tile = jpeg(Image.fromarray(cv2.resize(pixels, (400, 400), interpolation=cv2.INTER_AREA)), 90)
        text = f"Histology tile seen on the web, number {number}, H&E tissue section."
        found.append(Captioned(copied(tile, WAYS[turn % len(WAYS)], rng), text, "", "leak"))
    return found


def _label(labels: list[dict[str, str]], source: str, key: str, item: Captioned) -> None:
    labels.append({"source": source, "key": key, "tissue": item.tissue, "planted": item.planted})


def _decode(image: bytes, side: int) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)


def _chart(number: int) -> bytes:
    """A bar chart: a figure that is not histology."""
    rng = np.random.default_rng([number, 5])
    frame = np.full((420, 560, 3), 255, np.uint8)
    for n in range(6):
        height = int(rng.integers(30, 330))
        colour = tuple(int(v) for v in rng.integers(40, 220, 3))
        cv2.rectangle(frame, (60 + 80 * n, 380 - height), (110 + 80 * n, 380), colour, -1)
    cv2.putText(frame, "overall survival", (150, 410), 0, 0.7, (0, 0, 0), 1)
    return jpeg(Image.fromarray(frame))


# --- PubMed Central open access: one tar.gz an article with its JATS file and figure images


def _pubmed(out: Path, items: list[Captioned], labels: list[dict[str, str]]) -> None:
    """Three images per article: every second article shows two of them as one figure with panels A and B."""
    for n in range(0, len(items), 3):
        pmcid = f"PMC{9000000 + n}"
        first, second, third = items[n : n + 3]
        figures: list[tuple[str, str, bytes, list[tuple[str, Captioned]]]] = []
        if n % 2 == 0:
            plate = np.full((420, 860, 3), 255, np.uint8)
            for left, label, item in ((0, "A", first), (440, "B", second)):
                plate[:, left : left + 420] = _decode(item.image, 420)
                cv2.putText(plate, label, (left + 10, 405), 0, 1.0, (0, 0, 0), 2, cv2.LINE_AA)
            caption = f"Representative microscopy. (A) {first.caption} (B) {second.caption}"
            figures.append(("F1", caption, jpeg(Image.fromarray(plate)), [("A", first), ("B", second)]))
        else:
            figures += [
                ("F1", first.caption, first.image, [("", first)]),
                ("F2", second.caption, second.image, [("", second)]),
            ]
        figures.append(("F3", third.caption, third.image, [("", third)]))
        figures.append(("F4", "Kaplan-Meier estimate of overall survival by stage.", _chart(n), []))
        for label, _, _, panels in figures:
            for panel, item in panels:
                _label(labels, "pubmed", f"{pmcid}_{label}{panel}", item)
        _write_package(out / f"{pmcid}.tar.gz", pmcid, figures)


def _write_package(path: Path, pmcid: str, figures: list[tuple[str, str, bytes, list[tuple[str, Captioned]]]]) -> None:
    blocks = "".join(
        f'<fig id="{label}"><label>Figure {label[1:]}</label><caption><p>{escape(caption)}</p></caption>'
        f'<graphic xlink:href="{pmcid.lower()}-{label.lower()}"/></fig>'
        for label, caption, _, _ in figures
    )
    article = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<article xmlns:xlink="http://www.w3.org/1999/xlink" article-type="case-report"><front><article-meta>'
        f'<article-id pub-id-type="pmc">{pmcid}</article-id><title-group><article-title>A demo case report'
        "</article-title></title-group><pub-date><year>2015</year></pub-date><permissions>"
        '<license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>CC BY 4.0</license-p></license>'
        f"</permissions></article-meta></front><body><sec>{blocks}</sec></body></article>\n"
    )
    members = {f"{pmcid}/{pmcid.lower()}.nxml": article.encode()}
    members |= {f"{pmcid}/{pmcid.lower()}-{label.lower()}.jpg": image for label, _, image, _ in figures}
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    write_bytes(path, buffer.getvalue())


# --- OpenPath: a table of tweets with their images


def _openpath(out: Path, items: list[Captioned], labels: list[dict[str, str]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["tweet_id", "user", "lang", "text", "image"])
    for n, item in enumerate(items):
        tweet = f"{1500000000000000000 + 1117 * n}"
        text = f"@pathfriend {item.caption} #pathology #pathtwitter https://t.co/x{n:05d}"
        writer.writerow([tweet, f"user{n % 23}", "en", text, f"images/{tweet}.jpg"])
        write_bytes(out / "images" / f"{tweet}.jpg", item.image)
        _label(labels, "openpath", tweet, item)
    for n, (name, lang, text) in enumerate(
        (("cat", "en", "My cat at work"), ("coffee", "en", "Monday!"), ("china", "es", "Un viaje"))
    ):
        tweet = f"{1600000000000000000 + n}"
        writer.writerow([tweet, "user99", lang, text, f"images/{tweet}.jpg"])
        write_bytes(out / "images" / f"{tweet}.jpg", jpeg(Image.fromarray(photograph(name))))
    write_bytes(out / "tweets.csv", buffer.getvalue().encode())


# --- LAION: a parquet of addresses and captions, and a mirror of the addresses for a machine with no network


def _laion(out: Path, items: list[Captioned], labels: list[dict[str, str]], rng: np.random.Generator) -> None:
    rows = []
    pictures: list[tuple[Captioned | None, bytes, str]] = [(item, item.image, item.caption) for item in items]
    others = list(PHOTOGRAPHS)[:4]
    pictures += [
        (None, jpeg(Image.fromarray(photograph(name))), f"a photo of {name}, histology of art") for name in others
    ]
    for n, (item, image, caption) in enumerate(pictures):
        width, height = Image.open(io.BytesIO(image)).size
        write_bytes(out / "mirror" / MIRROR / f"{n:05d}.jpg", image)
        rows.append(
            {
                "URL": f"http://{MIRROR}/{n:05d}.jpg",
                "TEXT": caption,
                "WIDTH": width,
                "HEIGHT": height,
                "similarity": round(float(rng.uniform(0.28, 0.4)), 4),
                "punsafe": 0.0,
            }
        )
        if item is not None:
            _label(labels, "laion", f"{n:08d}", item)
    rows.append(
        {
            "URL": f"http://{MIRROR}/gone.jpg",
            "TEXT": "a dead link",
            "WIDTH": 1,
            "HEIGHT": 1,
            "similarity": 0.3,
            "punsafe": 0.0,
        }
    )
    write_table(out / "laion.parquet", pd.DataFrame(rows))


# --- A table as users bring it: a CSV beside its images


def _table(out: Path, items: list[Captioned], labels: list[dict[str, str]]) -> None:
    rows = []
    for n, item in enumerate(items):
        write_bytes(out / "images" / f"{n:03d}.jpg", item.image)
        rows.append({"image": f"images/{n:03d}.jpg", "text": item.caption, "group": f"slide{n // 2}", "license": "CC0"})
        _label(labels, "table", f"{n:08d}", item)
    write_bytes(out / "pairs.csv", pd.DataFrame(rows).to_csv(index=False).encode())
