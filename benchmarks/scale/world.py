"""The folder of a made-up run: a copy of this repository, with inputs in the proportions of Quilt-1M."""

import csv
import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from benchmarks.scale.results import EVALSET_IMAGES, OTHERS, OWN, VIDEOS, picture, texts
from stages.common.data.files import write_bytes, write_json, write_table
from stages.common.incremental.code import ROOT
from stages.common.paths import FRAME_FILTER_DIR, LEXICON_DIR, MAGNIFICATION_DIR, metrics_file
from stages.common.tables.evaluation import SURE_ERRORS
from stages.common.tables.frame_filter import FILTER_SPEC
from stages.common.tables.lexicon import TERMS, WORDS

HOME = Path("scale")  # of the inputs
CATALOG = HOME / "catalog"
PER_CHANNEL = 50  # videos
FIGURES = 2  # of an article
UNLIKE = 10  # rows of LAION for each that is wanted, of too little similarity
PROTOCOL = Path("protocols/scale.yaml")
CLASSES = ("benign", "malignant")
PARAMS: dict[str, Any] = {
    "base.device": "cpu",
    "videos.catalog": CATALOG.as_posix(),
    "frame_filter.frames": f"{HOME}/frames",
    "magnification.tissue": f"{HOME}/tissue",
    **{f"sources.{name}.folder": f"{HOME}/{name}" for name in (*OTHERS, "table")},
    "evaluation.protocol": PROTOCOL.as_posix(),
    "evaluation.evalsets": f"{HOME}/evalsets",
    "audit.gold": f"{HOME}/gold",
}


def make(folder: Path, videos: int) -> None:
    """Copy the repository, without what Git ignores, to `folder`; write inputs of a run of so many videos there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file() and not name.endswith("dvc.lock"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    edit(folder, PARAMS)
    for name in ("frames", "tissue", "gold"):
        write_bytes(folder / HOME / name / "README.md", b"nothing\n")
    _models(folder)
    grow(folder, 0, videos)
    _pubmed(folder / HOME / "pubmed", scaled(OTHERS["pubmed"], videos) // FIGURES)
    _openpath(folder / HOME / "openpath", scaled(OTHERS["openpath"], videos))
    _laion(folder / HOME / "laion", scaled(OTHERS["laion"], videos))
    _table(folder / HOME / "table", scaled(OWN, videos))
    _evalset(folder, scaled(EVALSET_IMAGES, videos))
    command = [sys.executable, "-m", "stages.preflight"]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True)


def scaled(total: int, videos: int) -> int:
    """How many there are of `total` where there are so many of VIDEOS."""
    return round(total * videos / VIDEOS)


def grow(folder: Path, first: int, last: int) -> None:
    """Add the channels of the videos from number `first` up to `last` to the catalog."""
    with (folder / CATALOG / "channels.txt").open("a") if first else _new(folder / CATALOG / "channels.txt") as file:
        for begin in range(first, last, PER_CHANNEL):
            file.write(f"https://www.youtube.com/channel/{begin}-{min(begin + PER_CHANNEL, last)}\n")


def _new(path: Path) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w")


def edit(folder: Path, params: dict[str, Any]) -> None:
    """Change parameters, by dotted names."""
    yaml, path = YAML(), folder / "params.yaml"
    tree = yaml.load(path)
    for name, value in params.items():
        *sections, key = name.split(".")
        inner = tree
        for section in sections:
            inner = inner[section]
        inner[key] = value
    with path.open("w") as file:
        yaml.dump(tree, file)


def _models(folder: Path) -> None:
    """Files of models that nothing computes with: only their digests count."""
    spec: Any = {"kind": "logistic", "backbone": "", "weights": "", "weights_digest": "", "size": 160, "threshold": 0.5}
    FILTER_SPEC.write(folder / FILTER_SPEC.path, spec)
    write_bytes(folder / FRAME_FILTER_DIR / "heads.safetensors", b"none")
    write_json(folder / MAGNIFICATION_DIR / "estimator.json", {})
    term = ("gland", "C1", "Anatomy", "glossary", False, "")
    SURE_ERRORS.write(folder / SURE_ERRORS.path, {})
    TERMS.write(folder / TERMS.path, TERMS.frame([term]))
    WORDS.write(folder / WORDS.path, WORDS.frame([("gland", 1)]))
    for model in (FRAME_FILTER_DIR, MAGNIFICATION_DIR, LEXICON_DIR):
        write_json(folder / metrics_file(model.name), {})


def _pubmed(out: Path, articles: int) -> None:
    """A .tar.gz an article, as PubMed Central has them."""
    known = texts()
    for n in range(articles):
        pmcid = f"PMC{1_000_000 + n}"
        figures = "".join(
            f'<fig id="F{m}"><label>Figure {m}</label><caption><p>{known[(n + m) % len(known)]} article {n} {m}.</p>'
            f'</caption><graphic xlink:href="{pmcid}-f{m}"/></fig>'
            for m in range(FIGURES)
        )
        article = (
            f'<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta><article-id pub-id-type="pmc">'
            f"{pmcid}</article-id></article-meta></front><body><sec>{figures}</sec></body></article>"
        )
        members = {f"{pmcid}/{pmcid}.nxml": article.encode()}
        members |= {f"{pmcid}/{pmcid}-f{m}.jpg": picture() for m in range(FIGURES)}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        write_bytes(out / f"{pmcid}.tar.gz", buffer.getvalue())


def _openpath(out: Path, tweets: int) -> None:
    """A table of tweets, which show one image."""
    known = texts()
    write_bytes(out / "images" / "one.jpg", picture())
    with (out / "tweets.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tweet_id", "user", "lang", "text", "image"])
        for n in range(tweets):
            text = f"{known[n % len(known)]} tweet {n}. #pathology"
            writer.writerow([1_500_000_000_000_000_000 + n, f"user{n % 997}", "en", text, "images/one.jpg"])


def _laion(out: Path, wanted: int) -> None:
    """A table of addresses, of which every UNLIKE-th is wanted."""
    known = texts()
    rows = wanted * UNLIKE
    table = pd.DataFrame(
        {
            "URL": [f"http://images.example.org/a/folder/of/some/length/{n:08d}.jpg" for n in range(rows)],
            "TEXT": [f"{known[n % len(known)]} page {n}." for n in range(rows)],
            "similarity": [0.3 if n % UNLIKE == 0 else 0.1 for n in range(rows)],
            "punsafe": 0.0,
        }
    )
    write_table(out / "laion.parquet", table)


def _table(out: Path, rows: int) -> None:
    """A table of texts, which show one image."""
    known = texts()
    write_bytes(out / "one.jpg", picture())
    table = pd.DataFrame({"image": "one.jpg", "text": [f"{known[n % len(known)]} row {n}." for n in range(rows)]})
    table.to_csv(out / "pairs.csv", index=False)


def _evalset(folder: Path, images: int) -> None:
    """A test set of two folders of images."""
    for n in range(images):
        path = folder / HOME / "evalsets" / "tiles" / CLASSES[n % 2] / f"{n // 2:06d}.jpg"
        if n < len(CLASSES):
            path.parent.mkdir(parents=True)
        path.write_bytes(picture())
    classes = "".join(f"\n      {name}: {name}" for name in CLASSES)
    protocol = (
        "name: scale\ntemplates: ['an image of {c} tissue.']\nmetric: accuracy\naveraging: sets\ntransform: model\n"
        "missing: fail\nevalsets:\n  tiles:\n    loader: image_folder\n    root: tiles\n    sub_pathology: Breast\n"
        f"    split: all\n    classes:{classes}\n"
    )
    write_bytes(folder / PROTOCOL, protocol.encode())
