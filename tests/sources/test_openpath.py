"""Tweets lose what only Twitter needs and keep what belongs together."""

from pathlib import Path

import pandas as pd
import pytest

from stages.common.errors import StageError
from stages.sources import openpath


@pytest.fixture
def read(tmp_path, stage_params):
    def candidates(rows, columns):
        (tmp_path / "in").mkdir(exist_ok=True)
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "in" / "tweets.csv", index=False)
        params = stage_params("sources")
        place = params.openpath.model_copy(update={"folder": str(tmp_path / "in")})
        return list(openpath.candidates(params.model_copy(update={"openpath": place})))

    return candidates


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "@bob Nice #melanoma case!\nSee https://t.co/x 😀 H&amp;E, x200 a@b.c",
            "Nice melanoma case! See H&E, x200",
        ),
        ("RT @path: #SkinCancer and #skin_cancer", "skin cancer and skin cancer"),
        ("Ki-67 &lt; 3%, p = 0.05", "Ki-67 < 3%, p = 0.05"),
        ("https://t.co/x @a @b", ""),
    ],
)
def test_tweets_lose_what_only_twitter_needs(text, clean):
    assert openpath.clean(text) == clean


def test_tweets_stay_inside_their_folder_and_in_their_language(tmp_path, read):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (tmp_path / "in" / "ok.jpg").write_bytes(b"picture")
    rows = [
        ("1", "u", "en", "text one", "ok.jpg"),
        ("2", "u", "fr", "texte", "ok.jpg"),
        ("3", "u", "en", "t", "../outside.jpg"),
        ("x", "u", "en", "t", "ok.jpg"),
    ]
    found = read(rows, ["tweet_id", "user", "lang", "text", "image"])
    assert [(one.image, one.drop) for one in found] == [
        (str(tmp_path / "in/ok.jpg"), ""),
        (str(tmp_path / "in/ok.jpg"), "language"),
        ("", "missing_image"),
        (b"", "no_id"),
    ]


def test_a_tweet_of_several_images_and_a_thread_stay_together(tmp_path, read):
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.jpg").write_bytes(name.encode())
    rows = [("1", "u", "t9", "two images", "a.jpg;b.jpg"), ("2", "v", "t9", "an answer", "c.jpg")]
    found = read(rows, ["tweet_id", "user", "conversation_id", "text", "image"])
    assert [(one.key, one.group, Path(one.image).name) for one in found] == [
        ("1", "t9", "a.jpg"),
        ("1", "t9", "b.jpg"),
        ("2", "t9", "c.jpg"),
    ]


def test_a_list_of_ids_is_told_to_be_just_that(read):
    assert [one.drop for one in read([("1",), ("2",)], ["tweet_id"])] == ["not_hydrated", "not_hydrated"]
    with pytest.raises(StageError, match="column 'image' is missing"):
        read([("1", "u", "t")], ["tweet_id", "user", "text"])
