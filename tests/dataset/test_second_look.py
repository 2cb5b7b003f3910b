"""The second look sees leaks that the search for copies was made blind to."""

import numpy as np
import pandas as pd

from stages.common.data.pictures import decode
from stages.dataset import second_look as module
from stages.dataset.second_look import second_look
from stages.demo.captioned import make
from stages.fingerprints.features import spots


def prints(names, pictures):
    return pd.DataFrame({"image": names, "spots": [spots(np.ascontiguousarray(one)) for one in pictures], "error": ""})


def test_leaks_into_tests_and_the_test_split_are_counted(monkeypatch):
    tissue = [decode(make("pubmed", number, 5).image) for number in range(6)]
    images = prints(list("abcd"), [tissue[0], tissue[1], np.rot90(tissue[1]), tissue[2]])
    tests = prints(["e", "f"], [tissue[0][:, ::-1], tissue[3]])
    unreadable = {"image": "g", "spots": None, "error": "unreadable_image"}
    tests = pd.concat([tests, pd.DataFrame([unreadable])], ignore_index=True)
    table = pd.DataFrame({"image": list("abcd"), "split": ["train", "val", "test", "train"]})
    asked = []

    def verify(pairs):
        asked.extend(pairs)
        return [True] * len(pairs)

    assert second_look(table, images, tests, 0, verify) == {"looked_at": 3, "evalsets": 1, "test": 1}
    assert set(asked) == {("a", "e"), ("b", "c")}
    assert second_look(table, images, tests, 0, lambda pairs: [False] * len(pairs))["evalsets"] == 0
    monkeypatch.setattr(module, "SAMPLE", 2)
    assert second_look(table, images, tests, 0, verify)["looked_at"] == 2
    nothing = second_look(table.head(0), images, tests.head(0), 0, verify)
    assert nothing == {"looked_at": 0, "evalsets": 0, "test": 0}
