"""The review page: its sample, what it shows, and answering by keyboard alone in a headless Chromium."""

import csv
import json
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from reviewed import ATTACK, FIELDS, dataset

from stages.audit.review import build_page, fitted, spoken
from stages.audit.sample import draw_items, stratum_sizes
from stages.common.data.files import jpeg
from stages.common.data.tars import write_tar
from stages.common.reviews import COLUMNS, QUESTIONS, image_of, item_of, read_reviews


def test_the_sample_has_the_stated_sizes_and_controls():
    table = dataset()
    items = draw_items(table, 100, 10, 10, 0)
    assert Counter(items.role) == {"pair": 100, "repeat": 10, "mismatch": 10}
    assert items.item.is_unique
    sample = items[items.role == "pair"]
    sizes = stratum_sizes(table, items)
    assert (sizes.pairs.sum(), sizes.drawn.sum()) == (len(table), 100)
    by_source = sizes.groupby("source").drawn.sum()
    assert by_source.to_dict() == {"laion": 8, "openpath": 30, "pubmed": 31, "quilt": 31}
    by_field = sizes[sizes.source == "quilt"].groupby("sub_pathology").drawn.sum()
    assert sorted(by_field) == [10, 10, 11]
    bands = sizes[(sizes.source == "pubmed")].set_index("confidence").drawn
    assert bands.to_dict() == {"0 to 0.5": 10, "0.8 to 0.95": 10, "0.95 to 1": 11}
    assert set(items[items.role == "repeat"].pair_id) < set(sample.pair_id)

    odd, by_id = items[items.role == "mismatch"], table.set_index("pair_id")
    assert not set(odd.pair_id) & set(sample.pair_id)
    assert odd.text_of.is_unique
    seen, said = by_id.loc[odd.pair_id], by_id.loc[odd.text_of]
    assert (seen.group.to_numpy() != said.group.to_numpy()).all()
    assert seen.source.tolist() == said.source.tolist(), "nothing but the text tells a mismatch"
    assert (seen.box == "[]").tolist() == (said.box == "[]").tolist()
    for one, other in zip(seen.itertuples(), said.itertuples(), strict=True):
        assert one.source != "quilt" or one.sub_pathology != other.sub_pathology


def test_a_dataset_that_changes_a_little_keeps_most_of_its_sample():
    table = dataset()
    before, after = (set(draw_items(one, 100, 0, 0, 0).pair_id) for one in (table, table.drop(table.index[::50])))
    assert len(before & after) > 85
    assert before != set(draw_items(table, 100, 0, 0, 1).pair_id)


@pytest.mark.parametrize("sizes", [{"laion": 1}, {"laion": 4}, {"pubmed": 2, "laion": 2}])
def test_a_small_dataset_gives_what_it_has(sizes):
    items = draw_items(dataset(**sizes), 100, 10, 10, 0)
    assert (items.role == "pair").sum() == sum(sizes.values())
    assert draw_items(dataset().head(0), 100, 10, 10, 0).empty


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """(folder of the page, items, the dataset's table, what the page holds)"""
    folder = tmp_path_factory.mktemp("review")
    table = dataset(f"{folder}/x.tar#{{}}.jpg", quilt=60, pubmed=30, laion=30)
    rng = np.random.default_rng(0)
    names = [reference.split("#")[1] for reference in table.image]
    write_tar(
        folder / "x.tar", {name: jpeg(Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8))) for name in names}
    )
    items = draw_items(table, 80, 10, 10, 0)
    lines = [{"start": 5.0 * n, "end": 5.0 * n + 4, "raw": f"rau {n}", "text": f"raw {n}"} for n in range(200)]
    for name in ("review.html", "again.html"):
        metrics = build_page(items, table, {f"v{n}": lines for n in range(9)}, 18, folder / name, demo=True)
    text = (folder / "review.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    assert metrics == {"page_mb": len(text.encode()) / 1e6, "jpeg_quality": 100, "image_scale": 1}
    return folder, items, table, data


def test_the_page_is_the_same_bytes_twice_and_tells_no_source_and_no_control(page):
    folder, _, table, data = page
    text = (folder / "review.html").read_text()
    assert text == (folder / "again.html").read_text()
    plain = re.sub(r"base64,[^\"]*", "", text)
    assert not re.search(r"quilt|pubmed|laion|openpath|mismatch|repeat|x\.tar|https?://", plain, re.I)
    assert not [one for one in table.pair_id if one in plain]
    assert {len(one) for one in data["items"]} == {11}, "a control has the same keys as any other"
    assert [one["item"] for one in data["items"]] == sorted(one["item"] for one in data["items"])


def test_text_from_outside_stays_text(page):
    folder, _, _, data = page
    assert ATTACK in " ".join(one["text"] for one in data["items"])
    assert "alert(" not in re.sub(
        r'<script type="application/json".*?</script>', "", (folder / "review.html").read_text()
    )


def test_an_item_shows_what_was_said_when_and_beside_it(page):
    _, items, table, data = page
    by_item = {one["item"]: one for one in data["items"]}
    by_id = table.set_index("pair_id")
    for row in items.itertuples():
        shown, said = by_item[row.item], by_id.loc[row.text_of]
        assert shown["text"] == said.text
        assert shown["sub_pathology"] == said.sub_pathology.replace("unknown", "")
        assert shown["box"] == json.loads(by_id.loc[row.pair_id].box)
    said = [row for row in items.itertuples() if row.role == "pair" and by_id.box[row.pair_id] != "[]"]
    for one, n in ((one, int(one.pair_id[-4:])) for one in said):
        assert by_item[one.item] | {"picture": 0} == {
            "item": item_of(one.pair_id, by_id.text[one.pair_id], "pair"),
            "image": image_of(by_id.image[one.pair_id]),
            "picture": 0,
            "box": [0.1, 0.2, 0.5, 0.6],
            "magnification": {1: "medium power, about 20x", 3: "not known"}[n % 4],
            "text": by_id.text[one.pair_id],
            "sub_pathology": FIELDS[n % 3].replace("unknown", ""),
            "time": f"{n // 6}:{n % 6}0 to {n // 6}:{n % 6}4",
            "before": f"raw {2 * n - 1}",
            "heard": f"rau {2 * n}",
            "after": f"raw {2 * n + 1}",
        }
    assert len(said) > 5
    assert spoken([], 3661.0, 3725.4)["time"] == "1:01:01 to 1:02:05"


def test_images_stay_as_they_are_while_they_fit_and_get_smaller_until_they_do():
    rng = np.random.default_rng(0)
    images = [jpeg(Image.fromarray(rng.integers(0, 255, (200, 300, 3), np.uint8)), 95) for _ in range(4)]
    whole = sum(map(len, images))
    assert fitted(images, whole) == (images, 100, 1.0)
    smaller, quality, scale = fitted(images, whole * 0.8)
    assert (quality, scale) == (85, 1.0)
    assert sum(map(len, smaller)) <= whole * 0.8
    smallest, quality, scale = fitted(images, whole * 0.1)
    assert scale < 1
    assert sum(map(len, smallest)) <= whole * 0.1


def test_a_page_without_pairs_says_so(tmp_path, tab):
    table = dataset(laion=1).head(0)
    build_page(draw_items(table, 100, 10, 10, 0), table, {}, 18, tmp_path / "review.html")
    tab.open(tmp_path / "review.html")
    said = tab.value("document.body.innerText")
    assert "no pair to review" in said
    assert "A demo" not in said
    assert tab.noise == []


def start(tab, folder, name):
    """Open the page and begin as the reader `name`, by keyboard."""
    tab.open(folder / "review.html")
    tab.value("document.getElementById('name').value = ''")
    tab.call("Input.insertText", text=name)
    tab.press("Enter")
    tab.wait("!document.getElementById('review').hidden")


def test_a_demo_is_said_to_be_one(page, tab):
    start(tab, page[0], "demo")
    assert "A demo: images here are drawn" in tab.value("document.body.innerText")


def shown(tab):
    return tab.value("item()")


def test_a_hundred_pairs_by_keyboard_alone(page, tab):
    folder, items, _, data = page
    assert len(data["items"]) == len(items) == 100
    tab.resize(1280, 900)
    start(tab, folder, "Dr. Ann O'Hara")
    expected, rng = {}, np.random.default_rng(0)
    for number in range(100):
        one = shown(tab)
        asked = [name for name in QUESTIONS if name not in ("sub_pathology", "region")]
        asked += ["sub_pathology"] * bool(one["sub_pathology"]) + ["region"] * bool(one["box"])
        keys = [int(key) for key in rng.integers(1, 4, len(asked))]
        tab.press(*map(str, keys))
        given = dict.fromkeys(COLUMNS, "") | {"item": one["item"], "image": one["image"]}
        given |= {name: ("yes", "no", "cannot_tell")[key - 1] for name, key in zip(asked, keys, strict=True)}
        if number % 20 == 0:
            tab.press("w", "c", *'so, "so"', "Escape")
            given |= {"action": "withdraw", "comment": 'so, "so"'}
        if number == 7:
            tab.press("x")
            given["action"] = "wrong"
        expected[one["item"]] = given
        if number == 50:  # the browser is closed and opened again
            start(tab, folder, "dr ann o'hara ")
            assert shown(tab)["item"] == one["item"]
            assert tab.value("document.getElementById('status').textContent") == "51 of 100 answered"
        tab.press("Enter")
    assert "All pairs are answered" in tab.value("document.getElementById('status').textContent")
    tab.press("Enter")  # on the button that is in focus
    saved = tab.downloaded("dr-ann-o-hara.csv")
    assert list(csv.DictReader(saved.open())) == [expected[item] for item in sorted(expected)]
    (folder / "reviews").mkdir()
    saved.rename(folder / "reviews" / saved.name)
    assert len(read_reviews(folder / "reviews")) == 100
    assert (tab.noise, tab.requests) == ([], [])


def test_undo_takes_back_one_answer_after_the_other(page, tab):
    start(tab, page[0], "undo")
    first = shown(tab)["item"]
    tab.press("1", "2", "Enter", "3", "w")
    second = shown(tab)["item"]
    tab.press("u", "u", "u")
    assert shown(tab)["item"] == first
    kept = tab.value("answers")
    assert {name: value for name, value in kept[first].items() if value} == {"usable": "yes"}
    assert not any(kept[second].values())


def test_two_tabs_of_one_reader_keep_each_others_answers(page, tab):
    start(tab, page[0], "twice")
    first, item = tab.session, shown(tab)["item"]
    tab.session = None
    target = tab.call("Target.createTarget", url="about:blank")["targetId"]
    tab.session = second = tab.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    try:
        start(tab, page[0], "twice")
        tab.session = first
        tab.press("1")
        tab.session = second
        tab.value("document.querySelector('input[name=match][value=no]').click()")
        tab.press("Enter", "3")
        tab.session = first
        tab.press("Enter", "Enter", "c", "x")
        tab.wait("Object.keys(kept().answers).length === 3")
        given = list(tab.value("kept().answers").values())
    finally:
        tab.session = None
        tab.call("Target.closeTarget", targetId=target)
        tab.session = first
    assert tab.value(f"answers['{item}']") == {"usable": "yes", "match": "no"}
    assert {"usable": "cannot_tell"} in given
    assert {"comment": "x"} in given


def test_what_another_tab_writes_over_is_stored_again(page, tab):
    start(tab, page[0], "late")
    item = shown(tab)["item"]

    def another_tab_stores(answers):
        tab.value(f"localStorage.setItem(place(), JSON.stringify({{ at: 5, answers: {json.dumps(answers)} }}))")
        tab.value("dispatchEvent(new StorageEvent('storage', { key: place() }))")

    tab.press("2", "1")
    mine = tab.value("kept().answers")[item]
    another_tab_stores({"other": {"usable": "no"}, item: {"usable": "no", "comment": "from there"}})
    assert tab.value("kept().answers") == {"other": {"usable": "no"}, item: mine | {"comment": "from there"}}
    assert tab.value("document.getElementById('comment').value") == "from there"
    tab.press("u")
    given = {name: value for name, value in tab.value("kept().answers")[item].items() if value}
    assert given == {"usable": "no", "comment": "from there"}, "undo takes back what was answered here"


def test_a_browser_that_keeps_nothing_says_so(page, tab):
    start(tab, page[0], "full")
    lost = "!document.getElementById('lost').hidden"
    assert not tab.value(lost)
    tab.value("Storage.prototype.setItem = () => { throw new Error('full'); }")
    tab.press("1")
    assert tab.value(lost)
    assert tab.noise == []


def test_keys_answer_the_marked_question_wherever_the_mouse_was(page, tab):
    start(tab, page[0], "mouse")
    tab.value("document.querySelector('input[name=usable][value=no]').click()")
    tab.value("document.querySelector('input[name=usable][value=no]').focus()")
    tab.press("1", "3")
    given = tab.value("answerOf(item())")
    assert [given[name] for name in ("usable", "text", "match")] == ["no", "yes", "cannot_tell"]


def test_order_is_a_readers_own_and_an_image_comes_again_only_later(page, tab):
    orders = {name: tab.value(f"orderOf('{name}')") for name in ("ann", "bob")}
    assert orders["ann"] != orders["bob"]
    assert tab.value("orderOf('ann')") == orders["ann"]
    for order in orders.values():
        assert sorted(order) == list(range(100))
        images = [page[3]["items"][number]["image"] for number in order]
        early = images[:80]  # at the end there may be nothing else left
        assert all(image not in early[max(0, n - 20) : n] for n, image in enumerate(early))


def test_the_page_works_at_360_pixels_and_every_control_has_a_name(page, tab):
    tab.resize(360, 740)
    start(tab, page[0], "small")
    assert tab.value("document.documentElement.scrollWidth") <= 360
    tab.press("+", "+", "+")
    assert tab.value("document.documentElement.scrollWidth") <= 360, "the image scrolls in its frame"
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "radio", "textbox", "combobox", "checkbox", "progressbar"}
    controls = [one for one in nodes if one.get("role", {}).get("value") in roles and not one["ignored"]]
    assert len(controls) > 15
    assert [one for one in controls if not one["name"]["value"].strip()] == []


def test_text_from_outside_runs_nothing(page, tab):
    start(tab, page[0], "careful")
    number = next(n for n, one in enumerate(page[3]["items"]) if ATTACK in one["text"])
    tab.value(f"go(order.indexOf({number}))")
    assert ATTACK in tab.value("document.getElementById('text').textContent")
    assert tab.value("document.querySelectorAll('#review img').length") == 1
    assert tab.noise == []


def test_a_saved_file_goes_on_elsewhere_and_that_of_another_page_does_not(page, tab):
    start(tab, page[0], "mover")
    tab.press("2")
    item = shown(tab)["item"]
    tab.value("document.getElementById('json').click()")
    saved = json.loads(tab.downloaded("mover.json").read_text())
    start(tab, page[0], "arrived")
    assert not tab.value(f"answers['{item}']")
    text = json.dumps(saved)
    tab.value(f"load(new File([{json.dumps(text)}], 'mover.json'))")
    tab.wait(f"answers['{item}']?.usable === 'no'")
    tab.value("load(new File(['{\"sample\": \"x\"}'], 'other.json'))")
    tab.wait("document.getElementById('status').textContent.includes('another review page')")
