"""What a stage says: on the terminal, in its log, and when it is broken off."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref

import pytest
from conftest import ROOT

from stages.common.errors import StageError
from stages.common.stage import cli

LIBRARY = """
import logging
import sys
import warnings
import weakref

from stages.common.models.device import cores  # as every worker of a stage imports something of stages.common

log = logging.getLogger("library.core")
log.addHandler(logging.StreamHandler(sys.stderr))  # a terminal of its own
log.propagate = False


def work(number=0):
    warnings.warn("QuickGELU mismatch between model and weights")
    warnings.warn("to be removed in 9.0", FutureWarning)
    log.warning("weights of the text tower\\nwere drawn")
    log.info("details of item %d", number)
    warnings.warn("\\ntorchcodec is not installed correctly so built-in audio decoding will fail")
    logging.getLogger("lightning.pytorch").info("Lightning automatically upgraded your loaded checkpoint")
    logging.getLogger("yt_dlp").error("video abc is private")
    logging.getLogger("stages.mine").warning("12 articles stay")
"""
HEARD = ("QuickGELU mismatch between model and weights", "weights of the text tower", "12 articles stay")
NOISE = (
    "torchcodec is not",
    "Lightning automatically",
    "to be removed in 9.0",
    "video abc is private",
    "details of item 0",
)


@pytest.fixture
def stage(tmp_path):
    """Run the body of a `run` as the stage rois in a process of its own; give what it ended with."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "library.py").write_text(LIBRARY)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def start(body, *arguments):
        text = f"from stages.common.stage.cli import run_stage\n\ndef run(params, base):\n    {body}\n    return {{}}\n"
        (tmp_path / "stage.py").write_text(f"{text}\nrun_stage('rois', run, 'A stage.')\n")
        command = [sys.executable, "stage.py", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

        def hear():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests in the background ignores it

        return subprocess.Popen(command, cwd=tmp_path, env=env, start_new_session=True, preexec_fn=hear, **pipes)

    def run(body, *arguments):
        process = start(body, *arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    run.start = start
    return run


def log_of(tmp_path):
    path, lock = sorted((tmp_path / "reports/logs").iterdir(), reverse=True)  # and nothing else is left there
    assert path.name.startswith("rois.")
    assert lock.name == ".rois.lock"
    return path.read_text()


def test_what_matters_is_said_once_and_the_log_has_all(stage, tmp_path):
    code, out, err = stage("import library; library.work(); library.work()")
    assert code == 0
    assert out.startswith("rois: ")
    lines = err.splitlines()
    assert [line.split(":")[:2] for line in lines] == [["rois", " warning"]] * 3
    for line, heard in zip(lines, HEARD, strict=True):
        assert heard in line
    log = log_of(tmp_path)
    assert all(said in log for said in HEARD + NOISE)
    assert out.strip() in log


def test_workers_write_to_the_same_log_and_repeat_nothing(stage, tmp_path):
    body = "import joblib, library; joblib.Parallel(2, batch_size=1)(joblib.delayed(library.work)(n) for n in range(8))"
    code, _, err = stage(body)
    assert code == 0
    assert len(err.splitlines()) == len(HEARD)
    log = log_of(tmp_path)
    assert all(f"details of item {number}\n" in log for number in range(8))
    assert all(said in log for said in HEARD + NOISE)


def test_verbose_shows_what_the_log_has(stage):
    _, _, err = stage("import library; library.work()", "-v")
    assert all(said in err for said in HEARD + NOISE)


def test_old_logs_go_and_those_of_other_stages_stay(stage, tmp_path):
    logs = tmp_path / "reports/logs"
    logs.mkdir(parents=True)
    for number in range(30):
        (logs / f"rois.20200101T0000{number:02d}.1.log").touch()
    (logs / "pairs.20200101T000000.1.log").touch()
    stage("pass")
    left = sorted(path.name for path in logs.glob("rois.*"))
    assert len(left) == 20
    assert left[0] == "rois.20200101T000011.1.log"
    assert (logs / "pairs.20200101T000000.1.log").exists()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("open('/dev/full', 'w', buffering=1).write('x\\n')", "data/rois"),
        (
            "import joblib, pathlib; joblib.Parallel(2)([joblib.delayed(pathlib.Path('/dev/full').write_bytes)(b'x')])",
            "",
        ),
        ("raise OSError(28, 'No space left on device', 'there.tar')", "there.tar"),
        ("raise RuntimeError('I/O error: No space left on device (os error 28)')", "data/rois"),
    ],
)
def test_a_full_disk_is_one_line_that_names_the_place(stage, tmp_path, monkeypatch, body, place):
    (tmp_path / "data/rois").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code, _, err = stage(body)
    assert code == 1
    assert f"rois: error: the disk is full at {place}" in err.splitlines()[-1]
    assert "None" not in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EROFS, "nothing can be written at there.tar: mount its file system for writing"),
        (errno.EDQUOT, "the disk quota is used up at there.tar: free some space"),
        (errno.EACCES, "permission denied at there.tar: give yourself the right"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(stage, number, said):
    code, _, err = stage(f"raise OSError({number}, 'no', 'there.tar')")
    assert (code, len(err.splitlines())) == (1, 1)
    assert err.startswith(f"rois: error: {said}")


def test_a_second_process_keeps_out_while_the_first_is_at_work(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "LOGS_DIR", tmp_path)
    monkeypatch.setattr(cli, "PATIENCE_S", 0.0)
    with cli._alone("rois"):
        with pytest.raises(StageError, match=r"another process is running this stage.*`pgrep -af stages.rois`"):
            cli._alone("rois").__enter__()
        with cli._alone("pairs"):
            pass
    with cli._alone("rois"):
        pass


def test_a_stage_that_cannot_go_on_says_one_line_and_the_log_says_where(stage, tmp_path):
    code, _, err = stage(
        "from stages.common.errors import StageError; raise StageError('x.csv: row 3: no id: add one')"
    )
    assert (code, err) == (1, "rois: error: x.csv: row 3: no id: add one\n")
    assert "Traceback" in log_of(tmp_path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_is_one_line(stage, tmp_path, jobs):
    work = "lambda number: (pathlib.Path(f'working{number}').touch(), time.sleep(20))"
    room = "stages.common.incremental"
    workers = f"from {room}.process import Call; from {room}.workers import run_calls"
    calls = f"[Call(str(n), functools.partial({work}, n), 60.0) for n in range(4)]"
    run = f"list(run_calls({calls}, base.model_copy(update={{'jobs': {jobs}}})))"
    body = f"import functools, pathlib, time; {workers}; {run}"
    process = stage.start(body)
    while len(list(tmp_path.glob("working*"))) < jobs:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines() == [
        "rois: stopped: what is finished is kept: `dvc repro` goes on, `dvc checkout --force` goes back"
    ]


def test_what_a_stage_held_is_let_go_when_it_ends_by_an_error():
    """Files that libraries hold open are otherwise told on the terminal, behind the line that says what is wrong."""

    class Held:
        pass

    seen = []

    def stage():
        held = Held()
        seen.append(weakref.ref(held))
        raise StageError("no")

    with pytest.raises(SystemExit) as ended, cli._ended_by_one_line("toys", "toys"):
        stage()
    assert ended.value.code == "toys: error: no"
    assert seen[0]() is None
