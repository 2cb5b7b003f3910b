"""Fingerprints of images that a test has made up."""

from stages.dataset.fingerprints import Fingerprints


def fingerprints_of(images):
    """What `merge` asks for the fingerprints of some of `images`, rows of a table of stages.fingerprints."""
    by_name = images.set_index("image", drop=False)
    return lambda names: Fingerprints.of(by_name.loc[names])
