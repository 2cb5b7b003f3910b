"""What DVC makes of `-S` is what the stages read: DVC itself writes params.yaml here."""

import shutil

import pytest
from conftest import ROOT

from stages.common.data.files import read_yaml
from stages.common.errors import StageError

PROFILES = [["quilt1m"], ["quilt1m", "vit_b_16"], ["quilt1m", "vit_b_16_pmb_256"], ["mine"], ["tiny"], ["mine", "tiny"]]


@pytest.mark.parametrize("profiles", PROFILES, ids="+".join)
def test_every_profile_passes_the_check_of_parameters(repository, profiles):
    all_params = repository.run(f"$(cat {' '.join(f'profiles/{name}' for name in profiles)})")
    assert all_params["quiltnet"].lr == (1e-5 if "quilt1m" in profiles else 1e-3)


def test_values_mean_to_us_what_they_mean_to_dvc(repository):
    asked = {
        "quiltnet.lr": ("1e-5", 1e-5),
        "quiltnet.weight_decay": ("1", 1.0),
        "quiltnet.eps": ("1e-8", 1e-8),
        "pairs.ahead_s": ("0.00001", 1e-5),
        "keyframes.max_shift": ("2.5E-4", 2.5e-4),
        "sources.languages": ("[en,no]", ["en", "no"]),
        "videos.languages": ("[]", []),
        "captions.cues": ("[on,here,off,yes,1,2.5,true]", ["on", "here", "off", "yes", "1", "2.5", "true"]),
        "sources.pubmed.search.keywords": ("['a: b','# c']", ["a: b", "# c"]),
        "report.title": ("2024", "2024"),
        "report.note": ("yes", "yes"),
        "captions.llm.name": ("4", "4"),
        "captions.llm.key": ("2024-01-31", "2024-01-31"),
        "transcripts.prompt": ("true", "true"),
        "transcripts.sha256": ("", ""),
        "frame_filter.leave_out": ("0x1f", "0x1f"),
        "base.offline": ("false", False),
    }
    all_params = repository.run(" ".join(f'-S "{key}={value}"' for key, (value, _) in asked.items()))
    for key, (_, expected) in asked.items():
        name, *path = key.split(".")
        found = all_params[name]
        for part in path:
            found = getattr(found, part)
        assert found == expected, key
        assert type(found) is type(expected), key


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("report.title=null", "report.title: .*valid string .found None."),
        ("quiltnet.epochs=ten", "quiltnet.epochs: .*valid integer .found 'ten'."),
        ("base.offline=no", "base.offline: .*valid boolean .found 'no'."),
        ("sources.languages=en", "sources.languages: .*valid list .found 'en'."),
    ],
)
def test_what_no_stage_can_use_is_refused(repository, override, message):
    with pytest.raises(StageError, match=message):
        repository.run(f"-S {override}")


def test_an_override_changes_its_own_lines_of_the_file_and_no_others(repository):
    same = ["quiltnet.lr=1e-3", "quiltnet.eps=1e-6", "report.title='Quilt-1M pipeline'", "videos.proxy=''"]
    same += ["captions.cues.0=here", "sources.laion.queries.texts.1='H&E stained tissue'", "base.offline=true"]
    same += ["evaluation.probe_c=[1e-06,0.0001,0.01,1.0,100.0,10000.0,1000000.0]", "sources.pubmed.licenses=[]"]
    repository.run(" ".join(f'-S "{word}"' for word in same))
    assert repository.changed_lines() == []
    other = ["quiltnet.lr=0.5", "report.note='a # b'"]
    other += ["evaluation.probe_c=[1e-06,0.0001,0.01,2.0,100.0,10000.0,1000000.0]"]
    other += ["sources.laion.queries.expand=7", "videos.languages=[de]", "quiltnet.subset='kind == \\\"roi\\\"'"]
    repository.run(" ".join(f'-S "{word}"' for word in other))
    assert len(repository.changed_lines()) == len(other), repository.changed_lines()


def lists(node, path=()):
    """(dotted key, value) of every list below `node`."""
    for key, value in node.items():
        if isinstance(value, list):
            yield ".".join([*path, key]), value
        elif isinstance(value, dict):
            yield from lists(value, (*path, key))


def test_a_list_can_be_emptied_and_filled_again(tmp_path):
    from dvc.utils.hydra import apply_overrides  # what `dvc exp run -S` calls

    shutil.copy(ROOT / "params.yaml", path := tmp_path / "params.yaml")
    found = dict(lists(read_yaml(path)))
    assert len(found) > 10
    emptied, others = {key: [] for key in found}, {key: ["x", "y"] for key in found}
    for step in (emptied, others, emptied, found):
        written = {key: ",".join(f"'{one}'" if isinstance(one, str) else str(one) for one in step[key]) for key in step}
        apply_overrides(path, [f"{key}=[{texts}]" for key, texts in written.items()])
        assert dict(lists(read_yaml(path))) == step
    assert path.read_text() == (ROOT / "params.yaml").read_text()
