"""Build the term index from open vocabularies, the glossary, and UMLS files where the user has them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.english import common
from stages.common.errors import StageError
from stages.common.files import write_json, write_table
from stages.common.lexicon import TERMS, WORDS
from stages.common.weights import locate
from stages.lexicon.params import Params

Term = tuple[str, str, str, str]  # term, concept id, semantic type, source
MESH_TREES = {"A": "Anatomy", "C": "Disease"}
TOO_COMMON = 4000  # a single word of everyday English says nothing about medicine
GOOD_TERM = re.compile(r"[a-z][a-z0-9&' /-]{2,60}")


def build(block: Params, out: Path, metrics: Path) -> dict[str, Any]:
    """Write terms.parquet and words.parquet to `out`; a term found in several sources keeps the first."""
    rows = [
        *_glossary(locate(block.glossary)),
        *(_umls(Path(block.umls)) if block.umls else ()),
        *(_mesh(locate(block.mesh)) if block.mesh else ()),
        *(_mondo(locate(block.mondo)) if block.mondo else ()),
    ]
    table = pd.DataFrame(rows, columns=["term", "id", "semantic_type", "source"]).drop_duplicates("term")
    table = table.sort_values("term", ignore_index=True)
    words = _words(table)
    write_table(out / TERMS, table)
    write_table(out / WORDS, words)
    sizes = table.groupby("source").size()
    write_json(metrics, {"terms": len(table), "words": len(words), "by_source": {k: int(v) for k, v in sizes.items()}})
    return {"items": len(table), "words": len(words)}


def _clean(term: str) -> str:
    return re.sub(r"\s+", " ", term.lower().replace("_", " ")).strip()


def _wanted(term: str) -> bool:
    return bool(GOOD_TERM.fullmatch(term)) and not (" " not in term and common(term, TOO_COMMON))


def _glossary(path: Path) -> Iterator[Term]:
    """The hand-made glossary: every synonym and its regular plural, under one concept id."""
    for row in pd.read_csv(path, keep_default_na=False).itertuples():
        for term in [row.term, *filter(None, str(row.synonyms).split(";"))]:
            for form in (term, plural(term)):
                yield _clean(form), f"GLOSSARY:{_clean(row.term).replace(' ', '_')}", row.semantic_type, "glossary"


def plural(term: str) -> str:
    """The regular English plural of a term; one that ends in s is taken for a plural or a mass noun and stays."""
    if term.endswith("s"):
        return term
    if re.search(r"[^aeiou]y$", term):
        return f"{term[:-1]}ies"
    return f"{term}es" if term.endswith(("x", "ch", "sh")) else f"{term}s"


def _mesh(path: Path) -> Iterator[Term]:
    """MeSH descriptors and entry terms of the trees A (anatomy) and C (diseases); inverted names are left out."""
    for line in path.read_text(encoding="utf-8").splitlines():
        concept, name, synonyms, trees = ([*line.split("\t"), "", "", ""])[:4]
        kinds = {MESH_TREES[tree[0]] for tree in trees.split("|") if tree[:1] in MESH_TREES}
        for term in map(_clean, [name, *synonyms.split("|")] if kinds else ()):
            if _wanted(term):
                yield term, f"MESH:{concept}", min(kinds), "mesh"


def _mondo(path: Path) -> Iterator[Term]:
    """MONDO diseases, under their UMLS concept id where they have one."""
    for entry in json.loads(path.read_text(encoding="utf-8")):
        concepts = [x["id"] for x in entry.get("xrefs", ()) if x["namespace"] == "UMLS"]
        for term in map(_clean, [entry["name"], *entry.get("synonyms", ())]):
            if _wanted(term):
                yield term, f"UMLS:{concepts[0]}" if concepts else f"MONDO:{entry['id']}", "Disease", "mondo"


def _umls(folder: Path) -> Iterator[Term]:
    """English, non-suppressed strings of a licensed UMLS release: MRCONSO.RRF with types from MRSTY.RRF."""
    for name in ("MRCONSO.RRF", "MRSTY.RRF"):
        if not (folder / name).exists():
            raise StageError(f"lexicon.umls: {folder / name} not found: point it at the META folder of a UMLS release")
    with (folder / "MRSTY.RRF").open(encoding="utf-8") as lines:
        kinds = {fields[0]: fields[3] for fields in (line.split("|") for line in lines)}
    with (folder / "MRCONSO.RRF").open(encoding="utf-8") as lines:
        for fields in (line.split("|") for line in lines):
            term = _clean(fields[14])
            if fields[1] == "ENG" and fields[16] == "N" and _wanted(term):
                yield term, f"UMLS:{fields[0]}", kinds.get(fields[0], ""), "umls"


def _words(table: pd.DataFrame) -> pd.DataFrame:
    """Every word of four letters or more, with the number of terms it occurs in."""
    words = table.term.str.findall(r"[a-z]{4,}").explode().dropna()
    counted = words.groupby(words).size()
    return pd.DataFrame({"word": counted.index, "terms": counted.to_numpy()})
