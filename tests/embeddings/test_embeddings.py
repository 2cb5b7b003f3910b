"""Vectors are open_clip's, kept as long as nothing they depend on changes, and made in bounded memory."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from safetensors.numpy import load_file
from training import DEVICE

from stages.common.data.files import read_yaml
from stages.common.data.references import ImageReader
from stages.common.data.tars import write_tar
from stages.common.errors import StageError
from stages.common.models.clip import build, named, save
from stages.common.models.embed import UnreadableImageError, embed_classes, embed_images, embed_texts
from stages.common.models.vectors import VectorCache, files_digest, weights_digest
from stages.demo.tissue import paint
from stages.embeddings.__main__ import run as embed
from stages.embeddings.sets import held_out

PROTOCOL = """
name: p
metric: accuracy
averaging: sets
transform: model
missing: fail
templates: ["{c}", "a slide of {c}"]
evalsets:
  mine:
    {loader: image_folder, root: mine, sub_pathology: skin, left_out: [c], classes: {a: adipose tissue, b: a naevus}}
"""


@pytest.fixture
def pictures(tmp_path):
    """Seven images of three classes below tmp_path/evalsets/mine."""
    rng = np.random.default_rng(0)
    for n in range(7):
        path = tmp_path / f"evalsets/mine/{'abc'[n % 3]}/{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint("adipose", 60 + n, 90, rng)).save(path)
    return sorted(str(path) for path in (tmp_path / "evalsets").rglob("*.png"))


def read(path):
    return Path(path).read_bytes()


@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("squash", [False, True])
def test_image_vectors_are_open_clips_whatever_the_batch(tiny, pictures, batch, squash):
    clip = build(str(tiny), "none", 0)
    found = embed_images(clip, pictures, read, batch, DEVICE, 2, squash=squash)
    transform = clip.transform(squash=squash)
    with torch.inference_mode():
        pixels = torch.stack([transform(Image.open(path)) for path in pictures])
        theirs = clip.model.cpu().eval().encode_image(pixels, normalize=True).numpy()
    assert np.allclose(found, theirs, atol=1e-5)


@pytest.mark.slow
def test_folding_normalisation_into_convolutions_changes_nothing(pictures):
    clip = build(str(ROOT / "stages/quiltnet/configs/lite0_minilm.json"), "towers", 0)
    found = embed_images(clip, pictures, read, 4, DEVICE, 1)
    with torch.inference_mode():
        pixels = torch.stack([clip.transform()(Image.open(path)) for path in pictures])
        theirs = clip.model.cpu().eval().encode_image(pixels, normalize=True).numpy()
    assert np.allclose(found, theirs, atol=1e-5)


def test_class_vectors_are_the_mean_of_templates_normalised_again(tiny):
    clip = build(str(tiny), "none", 0)
    prompts = [["a mucin", "the mucin of a slide", "mucus"], ["a lung"]]
    found = embed_classes(clip, prompts, 3, DEVICE)
    by_hand = [embed_texts(clip, one, 1, DEVICE).mean(0) for one in prompts]
    assert np.allclose(found, [row / np.linalg.norm(row) for row in by_hand], atol=1e-6)


def test_an_unreadable_tile_is_named(tiny, pictures, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    Image.new("1", (9000, 9000)).save(tmp_path / "bomb.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"")
    clip, reader = build(str(tiny), "none", 0), ImageReader()
    for name in ("bad.png", "bomb.png", "a.zip#b.png"):
        with pytest.raises(UnreadableImageError, match=f"{name}: unreadable image"):
            embed_images(clip, [*pictures, str(tmp_path / name)], reader.read, 2, DEVICE, 1)


def test_arrays_stay_under_their_key_and_changed_files_are_made_anew(tmp_path):
    made = []

    def vectors():
        made.append(1)
        return np.ones((2, 3), np.float32)

    def keep(key, force=False):
        return VectorCache(tmp_path / "out", tmp_path / "keys.json", force).keep("m/a.safetensors", key, vectors)

    path = tmp_path / "out/m/a.safetensors"
    assert [keep(key) for key in ("k", "k", "other")] == [False, True, False]
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    assert [keep("other"), keep("other"), keep("other", force=True)] == [False, True, False]
    assert len(made) == 4
    assert path.read_bytes() == whole, "keys are apart: what depends on the vectors sees no change"
    assert load_file(path)["vectors"].tolist() == [[1, 1, 1]] * 2


def test_vectors_nobody_asked_for_go(tmp_path):
    ones = np.ones((1, 2), np.float32)
    store = VectorCache(tmp_path / "out", tmp_path / "keys.json")
    for name in ("m/a.safetensors", "m/b.safetensors"):
        store.keep(name, "k", lambda: ones)
    store = VectorCache(tmp_path / "out", tmp_path / "keys.json")
    store.keep("m/a.safetensors", "k", lambda: ones)
    store.close()
    assert [path.name for path in (tmp_path / "out").rglob("*.safetensors")] == ["a.safetensors"]
    assert not VectorCache(tmp_path / "out", tmp_path / "keys.json").keep("m/b.safetensors", "k", lambda: ones)


def test_digests_follow_contents(tiny, pictures):
    one, again, other = (weights_digest(build(str(tiny), "none", seed)) for seed in (0, 0, 1))
    assert one == again != other
    before = files_digest(pictures)
    assert files_digest(pictures[:-1]) != before
    Image.new("RGB", (9, 9)).save(pictures[0])
    assert files_digest(pictures) != before


@pytest.fixture
def stage(tiny, pictures, tmp_path, monkeypatch, stage_params, base):
    """Run the stage in a folder of its own; parameters of other blocks and the protocol's text can be changed."""
    monkeypatch.chdir(tmp_path)
    save(build(str(tiny), "none", 1), tmp_path / "models/quiltnet")
    record = b'{"source": "quilt", "texts": ["one", "two"], "pair_ids": ["1", "2"], "text_groups": ["1", "2"]}'
    image = read(pictures[0])
    write_tar(tmp_path / "data/dataset/test-000000.tar", {"x.jpg": image, "x.txt": b"one", "x.json": record})

    def run(protocol=PROTOCOL, **changes):
        tree = read_yaml(ROOT / "params.yaml")
        tree["quiltnet"] |= {"model": str(tiny), "start": "none"}
        tree["evaluation"] |= {"protocol": "p.yaml", "evalsets": "evalsets"}
        (tmp_path / "params.yaml").write_text(json.dumps(tree))
        (tmp_path / "p.yaml").write_text(protocol)
        return embed(stage_params("embeddings", **changes), base)

    return run


def test_what_stands_is_kept_and_what_changes_is_made_anew(stage, pictures, tmp_path):
    whole = {"items": 16, "models": 2, "sets": 2}
    assert stage() == whole | {"kept": 0}
    assert stage() == whole | {"kept": 8}
    words = PROTOCOL.replace("a naevus", "a mole")
    assert stage(words)["kept"] == 6, "two models' class vectors"
    Image.new("RGB", (9, 9)).save(pictures[1])
    assert stage(words)["kept"] == 6, "two models' image vectors"
    assert stage(words.replace("transform: model", "transform: squash"))["kept"] == 4, "all image vectors"
    (tmp_path / "data/embeddings/gone").mkdir()
    (tmp_path / "data/embeddings/gone/x.safetensors").write_bytes(b"")
    stage()
    assert not (tmp_path / "data/embeddings/gone/x.safetensors").exists()


def test_class_vectors_are_of_all_names_in_the_templates_of_the_set(stage, tmp_path):
    stage()
    own = PROTOCOL.replace("left_out: [c]", "left_out: [c], synonyms: {a: [fat]}, templates: ['{c}!']")
    assert stage(own)["kept"] == 6, "two models' class vectors"
    found = load_file(tmp_path / "data/embeddings/tuned/mine.texts.safetensors")["vectors"]
    clip = named("local-dir:models/quiltnet")
    prompts = [["adipose tissue!", "fat!"], ["a naevus!"]]
    by_hand = [embed_texts(clip, one, 8, DEVICE).mean(0) for one in prompts]
    assert np.allclose(found, [row / np.linalg.norm(row) for row in by_hand], atol=1e-5)


def test_other_models_stand_beside_the_two(stage, tmp_path):
    assert stage(others=["local-dir:models/quiltnet"])["models"] == 3
    same = [load_file(tmp_path / f"data/embeddings/{name}/mine.images.safetensors")["vectors"] for name in NAMES]
    assert np.array_equal(*same)
    with pytest.raises(StageError, match="named twice"):
        stage(others=["local-dir:models/quiltnet", "local-dir:models/quiltnet"])
    for name in ("start", "tuned", "sets", "difference", "protocol", "readers", "images", "accuracy", "kappa"):
        with pytest.raises(StageError, match=f"embeddings.others: .*'{name}'"):
            stage(others=[name])
    with pytest.raises(StageError, match="model 'ViT-B-99' with start 'openai' cannot be had"):
        stage(others=["ViT-B-99@openai"])


NAMES = ("tuned", "local-dir_models_quiltnet")


def test_held_out_pairs_are_every_text_of_every_image(stage, tmp_path):
    stage()
    table = held_out(tmp_path / "data/dataset")
    assert table.text.tolist() == ["one", "two"]
    assert table.path.nunique() == 1
    assert len(load_file(tmp_path / "data/embeddings/tuned/held_out.texts.safetensors")["vectors"]) == 2


@pytest.fixture
def hf_clip(tmp_path):
    """A small CLIPModel of random weights in transformers' form, with CLIP's own words."""
    import gzip
    import json

    import open_clip
    import transformers

    with gzip.open(open_clip.tokenizer.default_bpe(), "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")
    merges = lines[1 : 49152 - 256 - 2 + 1]
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair.split()) for pair in merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder = tmp_path / "plip"
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges))
    transformers.CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config=sizes | {"eos_token_id": 49407, "bos_token_id": 49406, "vocab_size": 49408},
        vision_config=sizes | {"image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    transformers.CLIPImageProcessor(**size).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_models_in_transformers_form_see_what_transformers_sees(hf_clip, pictures):
    import transformers

    clip = named(f"transformers:{hf_clip}")
    texts = ["adipose tissue", "a naevus of the skin, H&E stain"]
    seen, read_ = embed_images(clip, pictures, read, 3, DEVICE, 1), embed_texts(clip, texts, 2, DEVICE)
    model = transformers.CLIPModel.from_pretrained(hf_clip).eval()
    words = transformers.CLIPTokenizerFast.from_pretrained(hf_clip)(texts, padding=True, return_tensors="pt")
    steps = transformers.CLIPImageProcessor.from_pretrained(hf_clip)
    pixels = steps([Image.open(path) for path in pictures], return_tensors="pt")
    with torch.inference_mode():
        images, theirs = model.get_image_features(**pixels), model.get_text_features(**words)
    for ours, other, near in ((seen, images, 5e-3), (read_, theirs, 1e-5)):
        assert np.allclose(ours, torch.nn.functional.normalize(other, dim=-1).numpy(), atol=near)
    with pytest.raises(StageError, match="model 'transformers:nowhere' cannot be had"):
        named("transformers:nowhere")


def test_an_edited_tokenizer_makes_texts_anew_and_leaves_images(stage, monkeypatch):
    from open_clip.tokenizer import SimpleTokenizer

    whole = stage()
    assert stage()["kept"] == 2 * whole["sets"] * whole["models"]
    tokens = SimpleTokenizer.__call__
    monkeypatch.setattr(SimpleTokenizer, "__call__", lambda self, *a, **k: tokens(self, *a, **k).flip(1))
    assert stage()["kept"] == whole["sets"] * whole["models"], "the images"
