"""NLTK with the data that a parameter names."""

from typing import Any

from stages.common.models.weights import locate


def nltk_with(nltk_data: str) -> Any:
    """Return NLTK, its data being in `nltk_data`, a place for stages.common.models.weights."""
    import nltk

    place = str(locate(nltk_data))
    if place not in nltk.data.path:
        nltk.data.path.insert(0, place)
    return nltk
