"""Engine llm with a small model on this machine, beside engine lexicon, over the captions of the demo: what each
repairs and damages, how often the model's proposals are refused, and what an hour of video costs.

    python -m benchmarks.llm MODEL.gguf [--python PYTHON] [--replies FOLDER] [--videos N] [--repairs]

`xllamacpp` (pip) serves the model, any instruct model in one GGUF file; it is no part of the environment, so PYTHON may
be an interpreter of another one. With an address of an OpenAI-compatible server (http://...) for MODEL.gguf, that is
asked. Replies are kept in FOLDER, and what was asked before is not asked again. With --repairs the model repairs alone,
and does not sort and name.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import report
from stages.audit.gold import GoldVideo, read_videos
from stages.audit.text import mended_and_spoiled, normalise, word_error_rate
from stages.captions.chat import Chat
from stages.captions.correct import Corrector, Repair
from stages.captions.endpoint import Answer, Messages
from stages.captions.engines import Engine, LexiconEngine
from stages.captions.llm import LlmEngine
from stages.captions.params import Params
from stages.common.errors import Failed
from stages.common.paths import LEXICON_DIR
from stages.common.stage.params import load_params
from stages.common.tables.captions import CAPTIONS, Captions
from stages.common.text.lexicon import Lexicon, load_lexicon

SERVE = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_ctx, params.n_parallel = 8192, 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[3])
server = xllamacpp.Server(params)
time.sleep(1e9)
"""
LOAD_S = 120.0  # patience until the model is loaded
HOUR = 3600


@dataclass
class Result:
    """What an engine made of the videos."""

    repairs_alone: bool
    clean: list[str] = field(default_factory=list)
    made: int = 0
    right: int = 0
    refused: int = 0
    kinds: list[str] = field(default_factory=list)
    fields: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, gold: GoldVideo, repairs: list[Repair]) -> None:
        """Count the corrections of one video; one is right if its new words were spoken in it."""
        spoken = f" {normalise(' '.join(line.text for line in gold.sentences or []))} "
        made = [fix for repair in repairs for fix in repair.made]
        self.clean.append(" ".join(repair.text for repair in repairs))
        self.made += len(made)
        self.right += sum(f" {normalise(fix.to)} " in spoken for fix in made)
        self.refused += sum(sum(repair.refused.values()) for repair in repairs)


@dataclass
class Asked:
    """What was asked of a model now, not before."""

    seconds: float = 0.0
    requests: int = 0
    video_s: float = 0.0


class TimedChat(Chat):
    """A Chat whose requests are timed, and priced as if the endpoint were paid."""

    def __init__(self, params: Params, replies: Path, asked: Asked) -> None:
        super().__init__(params.llm, replies, budget=float("inf"))
        self.endpoint.price = params.llm.price
        ask = self.endpoint.ask

        def timed(messages: Messages, schema: dict[str, object]) -> Answer:
            begin = time.perf_counter()
            answer = ask(messages, schema)
            asked.seconds += time.perf_counter() - begin
            asked.requests += 1
            return answer

        self.endpoint.ask = timed  # type: ignore[method-assign]


def examine(engine: Engine, lexicon: Lexicon, gold: GoldVideo, captions: Captions, result: Result) -> None:
    """Correct and sort the sentences of one video and name its field, as the stage does."""
    texts = [line["raw"] for line in captions["sentences"] if not line["personal_data"]]
    repairs = [Repair(text, []) for text in texts]
    try:
        repairs = engine.correct(texts)
        if not result.repairs_alone:
            entities = [lexicon.entities(repair.text) for repair in repairs]
            result.kinds += engine.kinds([repair.text for repair in repairs], entities)
            named = engine.sub_pathology("", " ".join(repair.text for repair in repairs))
            result.fields += named[0]["field"] == gold.field
    except Failed as failed:
        result.failed[failed.reason] += 1
    result.add(gold, repairs)


def compare(url: str, replies: Path, count: int, repairs_alone: bool) -> None:
    """Print what both engines do to the first `count` videos."""
    params, _ = load_params("captions")
    llm_params = {"url": url, "key": "BENCHMARK_KEY", "name": "local", "timeout_s": 600.0, "retries": 0}
    params = params.model_copy(update={"llm": params.llm.model_copy(update=llm_params)})
    os.environ["BENCHMARK_KEY"] = "none"
    corrector = Corrector(load_lexicon(LEXICON_DIR), params)
    gold = read_videos(Path(load_params("audit")[0].gold))
    made = {name: CAPTIONS.read(CAPTIONS.at(id=name)) for name in sorted(gold) if CAPTIONS.at(id=name).exists()}
    names = list(made)[:count]
    lexicon, llm, asked = Result(repairs_alone), Result(repairs_alone), Asked()
    for name in names:
        examine(LexiconEngine(corrector, params.cues), corrector.lexicon, gold[name], made[name], lexicon)
        before = asked.requests
        chat = TimedChat(params, replies / f"{name}.jsonl", asked)
        examine(LlmEngine(corrector, chat), corrector.lexicon, gold[name], made[name], llm)
        if asked.requests > before:
            asked.video_s += gold[name].duration_s or 0
        print(f"{name}: {llm.made} made, {llm.refused} refused, {asked.seconds:.0f} s", file=sys.stderr)
    said = [" ".join(line.text for line in gold[name].sentences or []) for name in names]
    heard = [" ".join(line["raw"] for line in made[name]["sentences"]) for name in names]
    show(lexicon, llm, said, heard)
    hours = sum(gold[name].duration_s or 0 for name in names) / HOUR
    price = sum(chat_cost(replies / f"{name}.jsonl") for name in names) / hours
    report("llm, hour of video", price, None, 0.05, f"at {params.llm.price} a million tokens", unit="USD")
    if asked.video_s:
        note = f"{asked.requests} requests, {os.cpu_count()} cores"
        report("llm, time for an hour of video", asked.seconds / asked.video_s * HOUR, None, HOUR, note)


def show(lexicon: Result, llm: Result, said: list[str], heard: list[str]) -> None:
    """Print the figures of engine llm beside those of engine lexicon."""
    report("llm, failed videos", sum(llm.failed.values()), None, 0, str(dict(llm.failed) or "none"), unit="videos")
    raw = word_error_rate(said, heard)
    for name, one in (("llm", llm), ("lexicon", lexicon)):
        report(f"{name}, word errors", word_error_rate(said, one.clean), raw, 1, "against uncorrected", unit="WER")
        counts = (mended_and_spoiled(*texts) for texts in zip(said, heard, one.clean, strict=True))
        mended, spoiled = map(sum, zip(*counts, strict=True))
        words = sum(len(text.split()) for text in said)
        note = f"{mended} words mended, {spoiled} spoiled, of {words}"
        report(f"{name}, spoiled words", spoiled / words, None, 0.001, note, unit="share")
        note = f"{one.right} of {one.made} made; {one.refused} refused"
        report(f"{name}, right corrections", one.right / max(one.made, 1), None, 0.9, note, unit="share", at_least=True)
        if not one.repairs_alone:
            share, note = one.fields / len(said), f"{one.fields} of {len(said)}, without titles"
            report(f"{name}, sub-pathology", share, None, 0.8, note, unit="share", at_least=True)
    if len(llm.kinds) == len(lexicon.kinds) > 0:
        same = sum(a == b for a, b in zip(llm.kinds, lexicon.kinds, strict=True)) / len(llm.kinds)
        note = f"{len(llm.kinds)} sentences"
        report("llm, kinds as engine lexicon", same, None, 0.8, note, unit="share", at_least=True)


def chat_cost(replies: Path) -> float:
    """What the replies in a file cost."""
    lines = replies.read_text(encoding="utf-8").splitlines() if replies.exists() else []
    return float(sum(json.loads(line)["cost"] for line in lines))


@contextlib.contextmanager
def served(model: str, python: str) -> Iterator[str]:
    """The address of a server of the model, for as long as the block lasts."""
    if model.startswith("http"):
        yield model
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-c", SERVE, model, str(port), str(os.cpu_count())]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LOAD_S
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.5)
    raise SystemExit("the model was not loaded: is it a GGUF file that xllamacpp can read?")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.llm", description=__doc__.partition("\n\n")[0])
    parser.add_argument("model", metavar="MODEL.gguf", help="an instruct model, or the address of a server")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has xllamacpp")
    parser.add_argument("--replies", type=Path, help="folder where replies are kept")
    parser.add_argument("--videos", type=int, default=1000, help="how many of the demo's videos")
    parser.add_argument("--repairs", action="store_true", help="without sorting and naming")
    wanted = parser.parse_args()
    if not wanted.model.startswith("http"):
        if subprocess.run([wanted.python, "-c", "import xllamacpp"], capture_output=True).returncode:
            raise SystemExit(f"benchmarks.llm: skipped: {wanted.python} has no package xllamacpp")
        if not Path(wanted.model).is_file():
            raise SystemExit(f"benchmarks.llm: skipped: there is no file {wanted.model}")
    with tempfile.TemporaryDirectory() as place, served(wanted.model, wanted.python) as address:
        compare(address, wanted.replies or Path(place), wanted.videos, wanted.repairs)
