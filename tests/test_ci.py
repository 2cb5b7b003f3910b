"""What CI says on a pull request, and what it may do."""

import os
import re
import runpy
import subprocess
import sys

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml

SCRIPT = ROOT / ".ci/comment.py"
JOBS = read_yaml(ROOT / ".github/workflows/ci.yml")["jobs"]
DVC = """\
stages:
  one: {cmd: cp code.py out, deps: [code.py], params: [lr], outs: [out], metrics: [{scores.json: {cache: false}}]}
  two: {cmd: cp out end, deps: [out], outs: [end]}
"""
ENV = os.environ | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@pytest.fixture
def pull_request(tmp_path):
    """A DVC repository that has run, without the data it made, and a function that edits and commits one file."""

    def call(*command):
        subprocess.run(command, cwd=tmp_path, env=ENV, check=True, capture_output=True)

    def commit(name, text):
        (tmp_path / name).write_text(text)
        call("git", "add", "-A")
        call("git", "commit", "-qm", name)

    call("git", "init", "-q", "-b", "main")
    call(sys.executable, "-m", "dvc", "init", "-q")
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "scores.json").write_text('{"f1": 0.5}')
    (tmp_path / "params.yaml").write_text("lr: 1\n")
    (tmp_path / "code.py").write_text("")
    (tmp_path / ".gitignore").write_text("/out\n/end\n")
    (tmp_path / "out").touch()
    (tmp_path / "end").touch()
    call(sys.executable, "-m", "dvc", "commit", "--force")
    commit("README.md", "base")
    for name in ("out", "end"):
        (tmp_path / name).unlink()
    call("git", "switch", "-qc", "edit")
    return tmp_path, commit


def comment(folder, base="main"):
    return subprocess.run([sys.executable, SCRIPT, base], cwd=folder, env=ENV, capture_output=True, text=True)


def section(page, title):
    return re.search(rf"\*\*{title}.*?\n\n(.*?)(?=\n\n\*\*|\Z)", page, re.S)[1].strip()


def test_without_a_change_there_is_none_though_data_is_not_there(pull_request):
    folder, commit = pull_request
    commit("README.md", "edited")
    page = comment(folder).stdout
    assert [section(page, title) for title in ("Stages", "Parameters", "Metrics")] == ["None."] * 3


def test_code_parameters_and_metrics_are_listed_each_in_its_table(pull_request):
    folder, commit = pull_request
    commit("code.py", "print()")
    commit("params.yaml", "lr: 2\n")
    commit("scores.json", '{"f1": 0.75}')
    page = comment(folder).stdout
    stages = section(page, "Stages").splitlines()
    assert stages[2].startswith("| `one` |")
    assert {"`code.py`", "`lr`"} <= set(re.split(r"[|, ]+", stages[2]))
    assert len(stages) == 3, "the stage after it may get the same bytes"
    assert section(page, "Parameters").splitlines()[2] == "| `params.yaml` | `lr` | `1` | `2` |"
    assert section(page, "Metrics").splitlines()[2] == "| `scores.json` | `f1` | `0.5` | `0.75` | `0.25` |"


def test_rows_are_sorted_and_what_is_not_there_is_one_word(pull_request):
    folder, commit = pull_request
    commit("params.yaml", "".join(f"p{n}: 1\n" for n in range(9)))
    commit("scores.json", '{"b": 1.0, "a": 2.0}')
    page = comment(folder).stdout
    rows = section(page, "Parameters").splitlines()[2:]
    assert rows == [
        "| `params.yaml` | `lr` | `1` | `-` |",
        *(f"| `params.yaml` | `p{n}` | `-` | `1` |" for n in range(9)),
    ]
    assert section(page, "Metrics").splitlines()[2:] == [
        "| `scores.json` | `a` | `-` | `2.0` | `-` |",
        "| `scores.json` | `b` | `-` | `1.0` | `-` |",
        "| `scores.json` | `f1` | `0.5` | `-` | `-` |",
    ]


def test_stages_that_the_base_has_left_stale_are_said_to_be_among_them(pull_request):
    folder, commit = pull_request
    commit("code.py", "print()")
    page = comment(folder, base="edit").stdout
    assert "| `one` |" in section(page, "Stages")
    assert "also those that were stale before" in " ".join(page.split())


def test_a_value_stays_inside_its_cell(pull_request):
    folder, commit = pull_request
    commit("params.yaml", 'lr: "a | b\\n`@all` <b>"\n')
    row = section(comment(folder).stdout, "Parameters").splitlines()[2]
    assert row == r"| `params.yaml` | `lr` | `1` | `a \| b '@all' <b>` |"


def test_a_list_of_values_is_shown_as_one_value(pull_request):
    folder, commit = pull_request
    commit("params.yaml", f"lr: {[*range(100)]}\n")
    row = section(comment(folder).stdout, "Parameters").splitlines()[2]
    assert row.endswith("...` |")
    assert len(row) < 150


def test_a_parameter_that_is_no_more_is_listed(pull_request):
    folder, commit = pull_request
    commit("params.yaml", "rate: 2\n")
    assert "| `one` | `lr` |" in section(comment(folder).stdout, "Stages")


def test_an_edited_command_is_listed(pull_request):
    folder, commit = pull_request
    commit("dvc.yaml", DVC.replace("cp out end", "cp -p out end"))
    assert "| `two` | `command` |" in section(comment(folder).stdout, "Stages")


def test_a_folder_of_which_only_the_data_is_not_there_has_not_changed():
    stale = runpy.run_path(str(SCRIPT))["stale"]
    made = [{"changed outs": {"gold/videos.json": "not in cache"}}]
    read = [{"changed deps": {"gold": "modified", "golden": "modified"}}, "always changed"]
    assert stale({"make": made, "read": read}) == {"read": ["golden"]}


def test_an_unknown_base_is_said(pull_request):
    done = comment(pull_request[0], "nowhere")
    assert done.returncode
    assert "nowhere" in done.stderr


def test_a_long_table_is_cut_and_says_how_many_rows_are_left_out():
    script = runpy.run_path(str(SCRIPT))
    lines = script["table"](["a"], [[str(n)] for n in range(script["MOST"] + 30)]).splitlines()
    assert lines[-1] == "... and 30 more."
    assert len([line for line in lines if line.startswith("|")]) == script["MOST"] + 2


def test_the_longest_comment_is_not_too_long_for_github():
    script = runpy.run_path(str(SCRIPT))
    rows = [[script["_code"]("|" * 999)] * 5] * 999
    names = [[script["_code"]("x" * 999), script["_list"](["x" * 999] * 999)]] * 25
    tables = {
        "status": script["table"](["", ""], names),
        "params": script["table"]([""] * 4, [row[:4] for row in rows]),
    }
    assert len(script["PAGE"].format(**tables, metrics=script["table"]([""] * 5, rows))) < 65_536


def test_without_a_base_the_usage_is_said():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "usage: python .ci/comment.py [-h] BASE"


def test_only_actions_of_github_itself_are_used():
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert {name.split("@")[0] for name in used} <= {"actions/checkout", "actions/setup-python", "actions/cache"}


def test_no_job_may_more_than_it_needs():
    workflow = read_yaml(ROOT / ".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in JOBS["run"]
    assert JOBS["comment"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request_target" not in workflow["on"], "code of a fork would run with a token that writes"


def test_a_pull_request_of_a_fork_is_not_commented_but_does_not_fail():
    *_, says, writes = JOBS["comment"]["steps"]
    assert ".ci/comment.py" in says["run"]
    assert "if" not in says
    assert writes["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert "GH_TOKEN" not in str([JOBS["comment"]["steps"][:-1]]), "only the last step has the token"


def test_the_token_is_not_left_in_the_checkout():
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False, False]


def test_nothing_of_an_event_is_pasted_into_a_shell():
    assert [step["run"] for job in JOBS.values() for step in job["steps"] if "${{" in step.get("run", "")] == []
