"""What is made of readers' answers, against numbers computed another way."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from reviewed import dataset
from scipy.stats import binomtest

from stages.audit.ratings import agreement, answers_on, disagreements, rates_by_stratum, review_metrics
from stages.audit.sample import draw_items
from stages.common.errors import StageError
from stages.common.reviews import COLUMNS, QUESTIONS, image_of, item_of, read_reviews


def simulated(table, items, skill, seed):
    """The answers of a reader: what is true (every third pair is wrong; mismatches are) with probability `skill`."""
    rng, rows = np.random.default_rng(seed), []
    for one in items.itertuples():
        true = "no" if one.role == "mismatch" or int(one.pair_id[-4:]) % 3 == 0 else "yes"
        given = [true if rng.random() < skill else "no" if true == "yes" else "yes" for _ in QUESTIONS]
        given = ["cannot_tell" if rng.random() < 0.1 else answer for answer in given]
        rows.append(dict.fromkeys(COLUMNS, "") | {"item": one.item} | dict(zip(QUESTIONS, given, strict=True)))
    return pd.DataFrame(rows)


def alpha_by_hand(units):
    """Krippendorff's nominal alpha by the coincidence matrix (2011), of lists of values for each unit."""
    values = sorted({one for unit in units for one in unit})
    matrix = np.zeros((len(values),) * 2)
    for unit in (unit for unit in units if len(unit) > 1):
        for i, one in enumerate(unit):
            for j, other in enumerate(unit):
                matrix[values.index(one), values.index(other)] += (i != j) / (len(unit) - 1)
    n, sums = matrix.sum(), matrix.sum(0)
    observed, expected = n - np.trace(matrix), (n**2 - (sums**2).sum()) / (n - 1)
    return 1 - observed / expected


def fleiss_by_hand(counts):
    """Fleiss' kappa (1971) of a matrix of units by categories."""
    counts = np.array(counts, float)
    raters = counts.sum(1)[0]
    agree = ((counts**2).sum(1) - raters) / (raters * (raters - 1))
    chance = ((counts.sum(0) / counts.sum()) ** 2).sum()
    return (agree.mean() - chance) / (1 - chance)


def cohen_by_hand(one, other):
    labels = sorted({*one, *other})
    observed = np.mean([a == b for a, b in zip(one, other, strict=True)])
    chance = sum(one.count(name) / len(one) * other.count(name) / len(other) for name in labels)
    return (observed - chance) / (1 - chance)


def test_published_examples_of_agreement():
    """Krippendorff 2011 and Fleiss 1971, whose numbers the formulas above and the stage both give."""
    read = ("*****34121133*3", "1*213343*******", "**21344*21133*4")
    units = [[one for one in unit if one != "*"] for unit in zip(*read, strict=True)]
    assert alpha_by_hand(units) == pytest.approx(0.691, abs=5e-4)
    table = pd.DataFrame({name: [*line] for name, line in zip("abc", read, strict=True)}).replace("*", np.nan)
    assert agreement(table)["krippendorff_alpha"] == pytest.approx(0.691, abs=5e-4)
    lines = "0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1|7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7"
    counts = [[int(one) for one in line.split()] for line in lines.split("|")]
    assert fleiss_by_hand(counts) == pytest.approx(0.210, abs=5e-4)
    table = pd.DataFrame([np.repeat([*"abcde"], line) for line in counts])
    assert agreement(table)["fleiss_kappa"] == pytest.approx(0.210, abs=5e-4)


def test_simulated_readers_of_known_skill(tmp_path):
    table = dataset()
    items = draw_items(table, 100, 10, 10, 0)
    skills = {"ann": 0.95, "bob": 0.9, "eve": 0.5}
    truth = {name: simulated(table, items, skill, n) for n, (name, skill) in enumerate(skills.items())}
    truth["bob"] = truth["bob"].iloc[:90]  # who did not finish
    for name, rows in truth.items():
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    reviews = read_reviews(tmp_path)
    answers = answers_on(reviews, table)
    found = review_metrics(reviews, answers)
    assert (found["readers"], found["items"]) == (3, 120 + 90 + 120)

    pair_items, texts = set(items.item[items.role == "pair"]), table.set_index("pair_id").text
    for question in QUESTIONS:
        given = {
            name: {row.item: getattr(row, question) for row in rows.itertuples() if row.item in pair_items}
            for name, rows in truth.items()
        }
        sure = {n: {i: a for i, a in one.items() if a != "cannot_tell"} for n, one in given.items()}
        units = [[one[item] for one in sure.values() if item in one] for item in sorted(pair_items)]
        full = [unit for unit in units if len(unit) == 3]
        shares = [unit.count("yes") / len(unit) for unit in units if unit]
        numbers = found["questions"][question]
        assert numbers["pairs"] == len(shares)
        assert numbers["rate"] == pytest.approx(np.mean(shares))
        assert numbers["krippendorff_alpha"] == pytest.approx(alpha_by_hand(units))
        assert numbers["fleiss_kappa"] == pytest.approx(
            fleiss_by_hand([[unit.count("yes"), unit.count("no")] for unit in full])
        )
        kappas = [
            cohen_by_hand([sure[a][i] for i in both], [sure[b][i] for i in both])
            for a, b in combinations(sure, 2)
            if (both := sorted(sure[a].keys() & sure[b].keys()))
        ]
        assert numbers["cohen_kappa"] == pytest.approx(np.mean(kappas))
        assert numbers["read_by_several"] == sum(len(unit) > 1 for unit in units)
        assert numbers["disagreements"] == sum(len(set(unit)) > 1 for unit in units)
        every = [answer for one in given.values() for answer in one.values()]
        assert numbers["cannot_tell"] == pytest.approx(every.count("cannot_tell") / len(every))

    for name, rows in truth.items():
        by_item = rows.set_index("item")
        odd = [item for item in items.item[items.role == "mismatch"] if item in by_item.index]
        caught = sum(by_item.match[item] == "no" for item in odd)
        again = [(one, texts[one]) for one in items.pair_id[items.role == "repeat"]]
        twice = [(item_of(*one, "pair"), item_of(*one, "repeat")) for one in again]
        twice = [both for both in twice if {*both} <= {*by_item.index}]
        alike = [by_item.loc[a, question] == by_item.loc[b, question] for a, b in twice for question in QUESTIONS]
        numbers = found["controls"][name]
        low, high = binomtest(caught, len(odd)).proportion_ci(method="wilson")
        assert (numbers["mismatches"], numbers["mismatches_found"]) == (len(odd), caught / len(odd))
        assert (numbers["mismatches_found_low"], numbers["mismatches_found_high"]) == pytest.approx((low, high))
        assert (numbers["repeated_answers"], numbers["repeated_alike"]) == (len(alike), pytest.approx(np.mean(alike)))
    assert found["controls"]["ann"]["repeated_alike"] > found["controls"]["eve"]["repeated_alike"]

    listed = disagreements(answers)
    assert len(listed) == sum(one["disagreements"] for one in found["questions"].values())
    assert all(row.yes and row.no for row in listed.itertuples())


def test_rates_of_one_reader_have_wilsons_interval_in_each_stratum(tmp_path):
    table = dataset()
    items = draw_items(table, 100, 10, 10, 0)
    rows = simulated(table, items, 1.0, 0)
    rows.to_csv(tmp_path / "ann.csv", index=False)
    reviews = read_reviews(tmp_path)
    rates = rates_by_stratum(answers_on(reviews, table), table).set_index(["stratum", "value", "question"])
    assert not rates.index.duplicated().any()
    merged = items[items.role == "pair"].merge(rows[["item", "match"]], on="item")
    for name in ("source", "sub_pathology", "confidence"):
        for value, group in merged.groupby(name):
            sure = group.match[group.match != "cannot_tell"]
            low, high = binomtest(int((sure == "yes").sum()), len(sure)).proportion_ci(method="wilson")
            found = rates.loc[(name, value, "match")]
            assert found.tolist() == pytest.approx([len(sure), (sure == "yes").mean(), low, high], abs=1e-6)


def test_one_reader_or_one_answer_has_no_agreement(tmp_path):
    table = dataset(laion=30)
    items = draw_items(table, 20, 0, 0, 0)
    rows = pd.DataFrame([dict.fromkeys(COLUMNS, "") | {"item": one, "usable": "yes"} for one in items.item])
    undefined = {"cohen_kappa": None, "fleiss_kappa": None, "krippendorff_alpha": None}
    for readers in (["ann"], ["ann", "bob"]):
        for name in readers:
            rows.to_csv(tmp_path / f"{name}.csv", index=False)
        reviews = read_reviews(tmp_path)
        numbers = review_metrics(reviews, answers_on(reviews, table))
        assert undefined.items() <= numbers["questions"]["usable"].items()
        assert "match" not in numbers["questions"]
        assert numbers["controls"]["ann"]["mismatches_found"] is None


def test_answers_on_pairs_that_are_gone_are_counted_and_left_out(tmp_path):
    row = dict.fromkeys(COLUMNS, "") | {"usable": "yes"}
    table = dataset(laion=3)
    seen = [("gone", "Text"), ("laion_0000", table.text[0]), ("laion_0001", "another text than before")]
    rows = [row | {"item": item_of(*one, "pair")} for one in seen]
    pd.DataFrame(rows).to_csv(tmp_path / "ann.csv", index=False)
    reviews = read_reviews(tmp_path)
    answers = answers_on(reviews, table)
    found = review_metrics(reviews, answers)
    assert (found["items"], found["items_gone"], found["answers"]) == (3, 2, 1)


def test_no_answers_are_no_rates(tmp_path):
    table = dataset(laion=3)
    reviews = read_reviews(tmp_path / "none")
    answers = answers_on(reviews, table)
    assert review_metrics(reviews, answers) == {"readers": 0, "items": 0, "items_gone": 0, "answers": 0}
    assert rates_by_stratum(answers, table).empty
    assert disagreements(answers).empty


def test_answers_are_read_as_spreadsheets_save_them(tmp_path):
    line = ";".join(COLUMNS) + '\r\n;;;;;;;;\r\n0123456789abcdef;fedcba;yes;no;;cannot_tell;;wrong;"a; b"\r\n'
    (tmp_path / "ann.csv").write_bytes(("\ufeff" + line).encode())
    (tmp_path / "README.md").write_text("what this is")
    (tmp_path / ".gitkeep").touch()
    expected = ["ann", "0123456789abcdef", "fedcba", "yes", "no", "", "cannot_tell", "", "wrong", "a; b"]
    assert read_reviews(tmp_path).to_numpy().tolist() == [expected]


def test_an_id_is_no_number_which_a_spreadsheet_would_round():
    ids = {image_of(str(number)) for number in range(20_000)}
    assert len(ids) == 20_000
    assert sum(one.startswith("x") for one in ids) > 10
    assert not [one for one in ids if re.fullmatch("[0-9e]+", one)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ann.csv", "{h}\nx,,maybe,,,,,,\n", "ann.csv, row 2: usable is 'maybe': write one of yes, no, cannot_tell"),
        ("ann.csv", "{h}\nx,,yes,,,,,,\ny,,,,,,,burn,\n", "ann.csv, row 3: action is 'burn': write one of withdraw"),
        ("ann.csv", "{h}\nx,,yes,,,,,,\nx,,no,,,,,,\n", "ann.csv, row 3: x is there twice"),
        ("ann.csv", "item,usable\nx,yes\n", "ann.csv: column 'action' is missing"),
        ("ann.csv", "pair,usable\nx,yes\n", "ann.csv: column 'item' is missing"),
        ("ann.json", "{}", "ann.json is no CSV: .* exports"),
        ("ann (1).csv", "{h}\nx,,yes,,,,,,\n", r"ann \(1\).csv: a reader is named in letters, .* keep the newer"),
        ("ann.csv", "{h}\n1.23457E+15,,yes,,,,,,\n", "ann.csv, row 2: 1.23457E.15 is no id: a spreadsheet took one"),
        ("ann.csv", "{h}\nx,1234567890123450,yes,,,,,,\n", "ann.csv, row 2: 1234567890123450 is no id"),
        ("ann.csv", "{h}\nx,,yes,,,,,withdraw,\n", "ann.csv, row 2: image is empty"),
    ],
)
def test_a_wrong_file_of_answers_is_one_line_with_its_row(tmp_path, name, text, message):
    (tmp_path / name).write_text(text.replace("{h}", ",".join(COLUMNS)))
    with pytest.raises(StageError, match=message) as error:
        read_reviews(tmp_path)
    assert "\n" not in str(error.value)
