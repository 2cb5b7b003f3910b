"""Images by reference: a path, `path/to.tar#member`, `path/to.zip#member`, or `path/to.h5#17`."""

import functools
import io
import lzma
import math
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stages.common.data.reading import said
from stages.common.data.tars import Header
from stages.common.errors import Rejected, StageError

# What readers of archives end with, besides OSError and ValueError.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError)
TAR, ZIP, HDF5 = ".tar#", ".zip#", ".h5#"
LARGEST = 1 << 28  # bytes of an image in an HDF5 file


class ImageReader:
    """Reads encoded images by reference, in any order and by several threads; the index of a tar is read once."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, tuple[int, int]]] = {}
        self._zips: dict[str, zipfile.ZipFile] = {}

    def read(self, reference: str) -> bytes:
        """Bytes of one image, of an HDF5 array as PNG.

        Raises StageError where a tar does not hold it, OSError where a file cannot be read, ValueError for an HDF5 file
        that does not hold it.
        """
        if TAR in reference:
            return self._read_member(*reference.split("#", 1))
        if ZIP in reference:
            path, member = reference.split("#", 1)
            return self._zip(path).read(member)
        return _read_array(reference) if HDF5 in reference else Path(reference).read_bytes()

    def size(self, reference: str) -> int:
        """Bytes of one image, as far as they are known without reading it. Raises as `read` does."""
        if TAR in reference:
            return self._place(*reference.split("#", 1))[1]
        if ZIP in reference:
            path, member = reference.split("#", 1)
            return self._zip(path).getinfo(member).file_size
        if HDF5 in reference:
            return 0
        status = Path(reference).stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise OSError("not a file")
        return status.st_size

    def bounded(self, reference: str, limit: int) -> bytes:
        """Bytes of an image from outside. Raises Rejected: image_too_large, before more than `limit` bytes are read, or
        unreadable_image."""
        try:
            if (size := self.size(reference)) > limit:
                raise Rejected("image_too_large", f"{size} bytes")
            return self.read(reference)
        except Rejected:
            raise
        except (OSError, KeyError, ValueError, StageError, *BROKEN) as error:
            raise Rejected("unreadable_image", said(error, Path(image_file(reference)))) from None

    def _zip(self, path: str) -> zipfile.ZipFile:
        if path not in self._zips:
            self._zips[path] = zipfile.ZipFile(path)
        return self._zips[path]

    def _read_member(self, path: str, member: str) -> bytes:
        offset, size = self._place(path, member)
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - unbuffered: one read, no more than the image
            data = os.pread(file.fileno(), size, offset)
        if len(data) < size:
            raise OSError(f"{member} is cut short")
        return data

    def _place(self, path: str, member: str) -> tuple[int, int]:
        """Where a member's bytes begin in its tar, and how many there are."""
        if path not in self._places:
            places: dict[str, tuple[int, int]] = {}
            # One that was cut short is good up to there.
            with tarfile.open(path, tarinfo=Header) as tar, suppress(tarfile.ReadError):
                places.update((info.name, (info.offset_data, info.size)) for info in tar if info.isfile())
            self._places[path] = places  # when it is whole: other threads read here
        if member not in self._places[path]:
            raise StageError(f"{path} lacks {member}: run `dvc repro` so that images and tables agree")
        return self._places[path][member]


def image_file(reference: str) -> str:
    """The file that holds the image: the path itself, or that of the tar, zip or HDF5 file."""
    if TAR in reference or ZIP in reference:
        return reference.split("#", 1)[0]
    return reference.rpartition("#")[0] if HDF5 in reference else reference


def read_images(references: Iterable[str]) -> dict[str, bytes]:
    """Return the encoded images that `references` point to. Raises as ImageReader does."""
    reader = ImageReader()
    return {reference: reader.read(reference) for reference in references}


def _read_array(reference: str) -> bytes:
    path, _, number = reference.rpartition("#")
    buffer = io.BytesIO()
    try:
        Image.fromarray(np.asarray(_images_in(path)[int(number)])).save(buffer, "PNG", compress_level=1)
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(said(error)) from None
    return buffer.getvalue()


@functools.lru_cache(maxsize=8)
def _images_in(path: str) -> Any:
    """The images that an HDF5 file holds itself: its format can also take the bytes of any file for an array. Raises
    ValueError where it does, or where an image is too large."""
    import h5py

    file = h5py.File(path, "r")
    images = file["x"]
    if not isinstance(file.get("x", getlink=True), h5py.HardLink) or images.external or images.is_virtual:
        raise ValueError("its images are in another file")
    if (size := math.prod(images.shape[1:]) * images.dtype.itemsize) > LARGEST:
        raise ValueError(f"images of {size} bytes")
    return images
