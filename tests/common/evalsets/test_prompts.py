"""What a protocol fixes beside class names: synonyms, templates of one set, merged labels, and where it comes from."""

import pytest
from conftest import ROOT
from PIL import Image

from stages.common.errors import StageError
from stages.common.evalsets.protocol import load_protocol, read_evalset, read_protocol

QUILT = ROOT / "protocols/quilt.yaml"


def own(tmp_path, text):
    (tmp_path / "own.yaml").write_text(f"extends: {QUILT}\nname: own\n{text}")
    return str(tmp_path / "own.yaml")


def test_prompts_are_every_name_in_every_template_of_the_set(tmp_path):
    text = """
evalsets:
  mhist:
    templates: ["a {c}.", "{c}!"]
    synonyms: {SSA: [a serrated polyp]}
"""
    protocol = load_protocol(own(tmp_path, text))
    assert protocol.prompts_of("mhist") == [
        ["a hyperplastic polyp.", "hyperplastic polyp!"],
        ["a sessile serrated adenoma.", "sessile serrated adenoma!", "a a serrated polyp.", "a serrated polyp!"],
    ]
    assert protocol.prompts_of("pcam")[0][1] == "histopathology image of lymph node"


def test_the_digest_goes_by_what_is_measured_and_not_by_where_it_comes_from(tmp_path):
    before = load_protocol(own(tmp_path, "")).digest
    assert load_protocol(own(tmp_path, "source: a book\nunpublished: much\npublished: [pcam]\n")).digest == before
    assert load_protocol(own(tmp_path, "evalsets: {pcam: {source: elsewhere}}\n")).digest == before
    assert load_protocol(own(tmp_path, "evalsets: {pcam: {templates: ['{c}']}}\n")).digest != before
    assert load_protocol(own(tmp_path, "evalsets: {pcam: {split: train}}\n")).digest != before
    assert load_protocol(own(tmp_path, "prompts: sampled\n")).digest != before


def test_merged_labels_count_as_another_class(tmp_path):
    for code in ("Grade1", "Grade2", "Grade3"):
        (tmp_path / "databiox" / code).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(tmp_path / f"databiox/{code}/{code}.png")
    text = """
evalsets:
  databiox: {classes: {Grade1: low grade, Grade3: high grade}, merged: {Grade2: Grade3}}
"""
    evalset = load_protocol(own(tmp_path, text)).evalsets["databiox"]
    assert read_evalset(tmp_path, "databiox", evalset).label.tolist() == [0, 1, 1]


def test_a_class_without_images_is_an_error_unless_a_part_will_do(tmp_path):
    (tmp_path / "databiox/Grade1").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "databiox/Grade1/a.png")
    evalset = load_protocol(str(QUILT)).evalsets["databiox"]
    assert read_evalset(tmp_path, "databiox", evalset, whole=False).label.tolist() == [0]
    with pytest.raises(StageError, match="no image below .* has the label 'Grade2'"):
        read_evalset(tmp_path, "databiox", evalset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("published: [pcam, other]\n", "published: 'other' is none of its evalsets"),
        ("evalsets: {pcam: {synonyms: {'7': [x]}}}\n", "evalsets.pcam.synonyms: '7' is none of its classes"),
        ("evalsets: {pcam: {merged: {'2': '7'}}}\n", "evalsets.pcam.merged: '7' is none of its classes"),
        ("evalsets: {pcam: {templates: [tissue]}}\n", "evalsets.pcam.templates.0: 'tissue' lacks {c}"),
        (
            "evalsets: {pcam: {templates: ['{c} of {organ}']}}\n",
            "evalsets.pcam.templates.0: .*nothing but {c} may stand",
        ),
        ("templates: ['a {c}', '{{c}}']\n", "templates.1: '{{c}}': nothing but {c} may stand in braces"),
        ("evalsets: {pcam: {classes: {'0': '', '1': x}}}\n", "evalsets.pcam.classes.0: a class needs a name"),
        ("evalsets: {pcam: {classes: {'0': x, '1': x}}}\n", "evalsets.pcam.classes.1: it is called the same as '0'"),
        ("prompts: median\n", "prompts: Input should be 'all' or 'sampled'"),
        ("draws: 0\n", "draws: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_key_is_named(tmp_path, text, message):
    with pytest.raises(StageError, match=f"own.yaml: {message}"):
        load_protocol(own(tmp_path, text))


def test_the_pipeline_does_not_measure_drawn_prompts(tmp_path):
    with pytest.raises(StageError, match="own.yaml: prompts: sampled is for tables of protocols"):
        read_protocol(own(tmp_path, "prompts: sampled\n"), str(tmp_path))
