"""What is asked: words, or an image in a file."""

from pathlib import Path

from stages.common.data.arrays import Vectors
from stages.common.data.pictures import MAX_BYTES, as_jpeg
from stages.common.data.references import ImageReader
from stages.common.errors import Rejected, StageError
from stages.common.models.clip import Clip
from stages.common.models.embed import embed_images, embed_texts

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".gif", ".bmp", ".webp", ".avif", ".jp2"}


def vector_of(question: str, clip: Clip, device: str) -> Vectors:
    """The unit vector (1, d) of an image where `question` is a file, and of words otherwise.

    Raises StageError for an image that is not there or cannot be used, and for no words.
    """
    if not question.strip():
        raise StageError('ask for words ("keratin pearls") or for an image (image.png)')
    if _is_file(question):
        image = _read(question)
        return embed_images(clip, [question], lambda _: image, 1, device, 1)
    if Path(question).suffix.lower() in SUFFIXES:
        raise StageError(f"{question}: there is no such image: check the path")
    return embed_texts(clip, [question], 1, device)


def _is_file(question: str) -> bool:
    try:
        return Path(question).is_file()
    except OSError:
        return False  # words that are longer than a name can be


def _read(path: str) -> bytes:
    try:
        return as_jpeg(ImageReader().bounded(path, MAX_BYTES))[0]
    except Rejected as error:
        raise StageError(f"{path}: {error}: give another image") from None
