"""Sentences on histology that no demo video says: templates filled with terms of the glossary, from a seed."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

GLOSSARY = Path("stages/lexicon/glossary.csv")
TEMPLATES = {
    "Finding": [
        "At high power we see {a} next to the vessel.",
        "There is {a} together with {b} in this biopsy.",
        "The most striking feature is {a}.",
        "I do not see any {a} on this slide.",
        "Focal {a} is present near the edge of the specimen.",
    ],
    "Neoplasm": [
        "The differential diagnosis includes {a} and {b}.",
        "This resection specimen shows a {a} with pushing borders.",
        "The patient was found to have a {a} three years ago.",
        "So my favorite diagnosis here would be {a}.",
    ],
    "Stain": [
        "We ordered {a} and it came back positive.",
        "The {a} highlights the structures that we are interested in.",
        "If you are not sure, do a {a} or a {b}.",
    ],
    "Anatomy": [
        "On the left side you can see the {a} cut in cross section.",
        "The {a} looks normal here, but the {b} does not.",
        "Let us move over to the {a} and take a closer look.",
    ],
    "Cell": [
        "Notice the {a} in the middle of the field.",
        "We find scattered {a} forms between the {b} clusters.",
        "A single {a} with abundant cytoplasm is seen here.",
    ],
    "Tissue": [
        "The {a} is replaced by tumor in this area.",
        "Underneath there is {a} and a little bit of {b}.",
    ],
    "Substance": ["Look at the {a} that has accumulated around the vessels.", "Is this {a} or is this {b}?"],
    "Disease": ["Clinically this patient had {a} for many years.", "These changes are typical of {a}."],
}


def sentences(count: int, seed: int) -> list[str]:
    """Return `count` different sentences; every term of the glossary comes up before any comes up again."""
    table = pd.read_csv(GLOSSARY, keep_default_na=False)
    rng = np.random.default_rng(seed)
    said: dict[str, None] = {}
    while len(said) < count:
        for row in rng.permutation(table.to_numpy()):
            forms = [row[0], *filter(None, row[1].split(";"))]
            same = table.term[table.semantic_type == row[2]]
            a, b = str(rng.choice(forms)), str(rng.choice(same))
            said[_article(str(rng.choice(TEMPLATES[row[2]])).format(a=a, b=b))] = None
    return list(said)[:count]


def _article(sentence: str) -> str:
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", sentence)
