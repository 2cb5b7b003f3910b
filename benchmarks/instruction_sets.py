"""Parts of the demo's data stages under other processor instructions: are the results the same?

The instructions that stages use are compared with those that the libraries would choose on this processor, such as
AVX-512. Libraries without such a setting need an emulator of another processor, which takes minutes:

    python -m benchmarks.instruction_sets "qemu-x86_64 -cpu EPYC-Milan" speech video
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from stages.common.stage.instructions import AVX2

SENTENCE = "The glands are lined by atypical epithelium with hyperchromatic nuclei."
# Set, so that stages leave them alone, to nothing; CTranslate2 to what it takes on processors that are not Intel's.
OWN = dict.fromkeys(AVX2, "") | {"CT2_USE_MKL": "0"}


def speech() -> bytes:
    """Samples of one sentence."""
    from stages.demo.voice import speak

    return speak(SENTENCE, seed=0, speed=1.0).samples.tobytes()


def video() -> bytes:
    """The shortest of the demo's videos, cut to its first second."""
    from stages.demo import script
    from stages.demo.render import shoot

    plan = script.write(*next(row for row in script.cast("small") if row[3] == "short"), seed=0, holds=1)
    plan.shots = [script.Shot("hold", 0.0, 1.0, plan.shots[0].view)]
    plan.lines = [replace(plan.lines[0], start=0.0)]
    with tempfile.TemporaryDirectory() as folder:
        shoot(plan, Path(folder) / "video.mp4")
        return (Path(folder) / "video.mp4").read_bytes()


def features() -> bytes:
    """What the frame filter's network makes of drawn tissue; keyframes, sources and fingerprints use it too."""
    import numpy as np

    from stages.common.models.backbone import Backbone
    from stages.common.stage.params import load_params
    from stages.demo.tissue import PAINTERS, paint

    params = load_params("frame_filter")[0]
    pictures = [paint(name, 300, 400, np.random.default_rng(0)) for name in sorted(PAINTERS)[:8]]
    return Backbone(params.backbone, params.weights, params.size).features(pictures).tobytes()


def fit() -> bytes:
    """A logistic regression as frame_filter fits it."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(0).normal(size=(60, 1280)).astype(np.float32)
    return LogisticRegression(max_iter=3000).fit(rows, np.arange(60) % 3 == 0).coef_.tobytes()


def words() -> bytes:
    """What transcripts hears of one sentence."""
    import torch

    from stages.common.stage.params import load_params
    from stages.demo.voice import SAMPLE_RATE as SPOKEN
    from stages.demo.voice import speak
    from stages.transcripts import recogniser
    from stages.transcripts.sound import SAMPLE_RATE

    params = load_params("transcripts")[0]
    spoken = torch.from_numpy(speak(SENTENCE, seed=0, speed=1.0).samples)[None, None]
    heard = torch.nn.functional.interpolate(spoken, scale_factor=SAMPLE_RATE / SPOKEN, mode="linear")[0, 0].numpy()
    return json.dumps(recogniser.transcribe(recogniser.load(params, "cpu", 1), [heard], params, "cpu")).encode()


PIECES: dict[str, Callable[[], bytes]] = {piece.__name__: piece for piece in (speech, video, features, fit, words)}
# What is the same only because every stage sets the variables of stages.common.stage.instructions.
SET = ("fit",)


def digest(piece: str, variables: dict[str, str], emulator: str = "") -> str:
    """SHA-256 of a piece made in a process of its own."""
    command = [*shlex.split(emulator), sys.executable, "-m", __spec__.name, "--digest", piece]
    made = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(f"{piece}: {made.stderr.strip()[-500:]}")
    return made.stdout.split()[-1]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--digest"]:
        print(hashlib.sha256(PIECES[sys.argv[2]]()).hexdigest())
        sys.exit()
    emulator, *names = sys.argv[1:] or [""]
    other = emulator or "the libraries' own choice"
    for name in names or PIECES:
        same = digest(name, AVX2) == (digest(name, AVX2, emulator) if emulator else digest(name, OWN))
        least = 0 if name in SET and not emulator else 1
        note = f"1: AVX2 and {other} give the same" + ("" if least else "; every stage is set to AVX2")
        report(f"{name}, same bytes", float(same), None, least, note, unit="", at_least=True)
