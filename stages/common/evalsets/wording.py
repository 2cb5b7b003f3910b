"""Templates and class names of a protocol: whether each class gets prompts of its own from them."""

from collections.abc import Iterable, Mapping, Sequence

from stages.common.errors import StageError

PLACE = "{c}"  # in a template, where the class name goes


def check_templates(templates: Iterable[str], where: str) -> None:
    """Raise StageError that begins with `where` for a template in which no class name, or something else, is put."""
    for number, template in enumerate(templates):
        if PLACE not in template:
            raise StageError(f"{where}.{number}: '{template}' lacks {PLACE}, where the class name goes")
        if {"{", "}"} & set(template.replace(PLACE, "")):
            raise StageError(f"{where}.{number}: '{template}': nothing but {PLACE} may stand in braces")


def check_names(names: Mapping[str, Sequence[str]], where: str) -> None:
    """Raise StageError that begins with `where` for an empty name, and for two classes that are called the same: no
    model could tell them apart."""
    called: dict[frozenset[str], str] = {}
    for code, own in names.items():
        if not all(name.strip() for name in own):
            raise StageError(f"{where}.{code}: a class needs a name")
        if (other := called.setdefault(frozenset(own), code)) != code:
            raise StageError(f"{where}.{code}: it is called the same as '{other}': use `merged` to make them one")
