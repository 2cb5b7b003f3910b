"""Every command of the README and the guides is one that runs; what needs a network or hours is only looked up."""

import functools
import re
import shlex
import subprocess

import pytest
from commands import help_of
from conftest import ROOT
from dvc.cli.parser import get_main_parser

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = list(
    dict.fromkeys(
        line.removeprefix("$ ").split("  #")[0].strip()
        for document in DOCUMENTS
        for params in re.findall(r"```console\n(.*?)```", document.read_text(), re.S)
        for line in re.sub(r"\\\n\s*", "", params).splitlines()
    )
)
EXPERIMENTS = [command for command in COMMANDS if "dvc exp run" in command]


@functools.cache
def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme_has_commands_of_every_kind():
    assert len(EXPERIMENTS) > 10
    assert {command.split()[0] for command in COMMANDS} >= {"make", "dvc", "python"}
    assert "dvc exp run $(cat profiles/mine)" in EXPERIMENTS


@pytest.mark.parametrize("command", EXPERIMENTS)
def test_every_experiment_passes_the_check_of_parameters(repository, command):
    repository.run(command.split("dvc exp run ")[1])


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in EXPERIMENTS])
def test_every_other_command_exists(command):
    for part in command.split(" && "):
        program, *words = shlex.split(part)
        if program == "make":
            assert run("make", "--dry-run", *words)
        elif program == "dvc":
            get_main_parser().parse_args(words)  # raises for an option that there is not
        elif program == "ray":
            assert run("ray", words[0], "--help")
        else:
            assert program == "python"
            module, *rest = words[1:]
            if module == "pytest":
                assert all((ROOT / word).exists() for word in rest if word.startswith("tests"))
                continue
            out = help_of(module) if module.startswith("stages.") else "benchmark"
            assert all(word in out for word in rest)


def test_make_takes_any_catalog():
    out = run("make", "--dry-run", "mine", "CATALOG=catalogs/my own")
    assert "dvc exp run $(cat profiles/mine) -S \"videos.catalog='catalogs/my own'\"" in out
