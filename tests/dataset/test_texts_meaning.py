"""Texts of any script are told apart, and those that differ in what they mean."""

import pytest

from stages.dataset.texts import text_groups

LONG = "low power view of a biopsy of the distal esophagus from an adult man with long standing reflux"

SAME = [
    ("Хронический гастрит, окраска H&E.", "хронический гастрит окраска H&E"),
    ("胃黏膜慢性炎症。", "胃黏膜慢性炎症"),
    ("Ki‑67 ≥20 %", "ki-67 >=20%"),
    ("50 µm bar", "50 μm bar"),
    ("Me\u0301ne\u0301trier’s disease", "Ménétrier's disease"),
    ("ＣＫ７ positive", "CK7 positive"),
    (f"{LONG} disease", f"{LONG} symptoms"),
    (f"The {LONG}", LONG),
    (f"{LONG}, TGF-beta", f"{LONG}, TGF-β"),
    (f"{LONG}, 10⁶ cells, 4½ cm²", f"{LONG}, 10^6 cells, 4 1/2 cm2"),
    ("مَرَض الكُلى", "مرض الكلى"),
    ("İltihaplı BAĞIRSAK", "iltihaplı bağırsak"),
    ("Gefäß der Haut", "GEFÄSS DER HAUT"),
]
OTHER = [
    ("胃黏膜慢性炎症", "肝细胞癌伴坏死"),
    ("Хронический гастрит", "Лимфома селезёнки"),
    ("التهاب المعدة", "سرطان الكبد"),
    ("हृदय की मांसपेशी", "यकृत की कोशिका"),
    ("กระเพาะอาหาร", "ตับอ่อนอักเสบ"),
    ("위 점막의 염증", "간세포 암종"),
    ("TGF-α", "TGF-β"),
    (f"{LONG}, TGF-α", f"{LONG}, TGF-β"),
    ("positive for CK7 and not for CK20", "positive for CK20 and not for CK7"),
    (f"{LONG}, CK7 not CK20", f"{LONG}, CK20 not CK7"),
    ("CD3-, CD20+", "CD3+, CD20-"),
    (f"{LONG}, CD3-", f"{LONG}, CD3+"),
    (f"{LONG} with necrosis present", f"{LONG} with necrosis absent"),
    (f"{LONG}, no necrosis", f"{LONG}, necrosis"),
    ("Ki-67 < 20 %", "Ki-67 > 20 %"),
    ("mass of 1.5 cm", "mass of 15 cm"),
    ("慢性炎症无坏死", "慢性炎症坏死"),
    (f"{LONG}, TGFα", f"{LONG}, TGFβ"),
    (f"{LONG}, TGF-α", f"{LONG}, TGF-beta"),
    (f"{LONG}, 10⁶ cells", f"{LONG}, 106 cells"),
    (f"{LONG}, 3 mm", f"{LONG}, 3 cm"),
    (f"{LONG}, Ki-67 5%", f"{LONG}, Ki-67 50%"),
    (f"{LONG}, grade Ⅱ", f"{LONG}, grade III"),
    (f"{LONG}, left lobe", f"{LONG}, right lobe"),
    (f"{LONG}, benign", f"{LONG}, malignant"),
    (f"{LONG}, encapsulated", f"{LONG}, unencapsulated"),
    (f"{LONG}, hyperchromatic", f"{LONG}, hypochromatic"),
    (f"{LONG}, CK7 (+)", f"{LONG}, CK7 (-)"),
    (f"{LONG}, isn't ulcerated", f"{LONG}, is ulcerated"),
    (f"{LONG} mit Nekrose", f"{LONG} ohne Nekrose"),
    (f"{LONG} avec nécrose", f"{LONG} sans nécrose"),
    ("ऊतक में परिगलन दिखाई देता है और सूजन भी है", "ऊतक में परिगलन नहीं दिखाई देता है और सूजन भी है"),
    ("توجد خلايا ورمية في العقدة اللمفية", "لا توجد خلايا ورمية في العقدة اللمفية"),
    ("リンパ節の組織に腫瘍細胞の浸潤がみられる所見である", "リンパ節の組織に腫瘍細胞の浸潤がみられない所見である"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_typography_and_a_word_do_not_matter(one, other):
    assert text_groups([one, other], 0.8).tolist() == [0, 0]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_meaning_is_another_group(one, other):
    assert text_groups([one, other], 0.8).tolist() == [0, 1]
