"""Captions are bound to their panels in the right direction, or left whole."""

import time

import pytest

from stages.sources.pubmed.panels import split_caption

SPLIT = {
    "Upper panels: (a) H&E, (b) PAS; lower panel: (c) silver stain.": {"A": "H&E", "B": "PAS;", "C": "silver stain."},
    "Kidney. Top: (A) control with PAS. Bottom: (B) treated with PAS.": {
        "A": "Kidney. control with PAS.",
        "B": "Kidney. treated with PAS.",
    },
    "Left: (A) normal mucosa; right: (B) dysplastic mucosa.": {"A": "normal mucosa;", "B": "dysplastic mucosa."},
    # marks before their texts
    "Skin. (A) Epidermis. (B) Dermis.": {"A": "Skin. Epidermis.", "B": "Skin. Dermis."},
    "(a) Epidermis. (b) Dermis.": {"A": "Epidermis.", "B": "Dermis."},
    "[A] Cortex. [B] Medulla.": {"A": "Cortex.", "B": "Medulla."},
    "A) Tumor, B) stroma": {"A": "Tumor", "B": "stroma"},
    "A. Tumor. B. Stroma.": {"A": "Tumor.", "B": "Stroma."},
    "A, Islet; and B, acinus.": {"A": "Islet;", "B": "acinus."},
    "Colon: A = crypts; B = submucosa.": {"A": "Colon: crypts;", "B": "Colon: submucosa."},
    "A. Portal tract, B. Central vein.": {"A": "Portal tract", "B": "Central vein."},
    "A Portal tract. B Central vein.": {"A": "Portal tract.", "B": "Central vein."},
    "a Portal tract at low power. b, c Two central veins.": {
        "A": "Portal tract at low power.",
        "B": "Two central veins.",
        "C": "Two central veins.",
    },
    "Panel A: a lobule. Panel B: its duct.": {"A": "a lobule.", "B": "its duct."},
    "(i) Day 3. (ii) Day 9.": {"I": "Day 3.", "II": "Day 9."},
    "(A1) Liver, (A2) the same in PAS. (B1) Spleen.": {"A1": "Liver", "A2": "the same in PAS.", "B1": "Spleen."},
    "Smears of (A) pus and (B) sputum.": {"A": "Smears of pus", "B": "Smears of sputum."},
    "Ducts stained (A) with PAS, (B) with CK7 and (C) with CK20.": {
        "A": "Ducts stained with PAS",
        "B": "Ducts stained with CK7",
        "C": "Ducts stained with CK20.",
    },
    # marks behind their texts
    "Wide view of a polyp (A), its stalk (B), and its head (C).": {
        "A": "Wide view of a polyp",
        "B": "its stalk",
        "C": "its head",
    },
    "Survival of mice (A) and rats (B). Bars are means.": {"A": "Survival of mice", "B": "rats"},
    "Sections of case 3 (A–B) and case 4 (C).": {"A": "Sections of case 3", "B": "Sections of case 3", "C": "case 4"},
    "Thymus (A, H&E, ×100) and spleen (B, PAS).": {"A": "Thymus (H&E, ×100)", "B": "spleen (PAS)"},
    # one mark in each sentence
    "Reticulin (A) outlines the nests. Congo red (B) is negative.": {
        "A": "Reticulin outlines the nests.",
        "B": "Congo red is negative.",
    },
    "In (A), nests are solid; in (B), they are cystic.": {"A": "nests are solid;", "B": "they are cystic."},
    "Fig. 4 (A) Hilum. (B) Cortex. C: capillary; M: mesangium.": {"A": "Hilum.", "B": "Cortex."},
    "（A）腺体。（B）间质。": {"A": "腺体。", "B": "间质。"},
    # marks behind parts of one phrase
    "Nests before (A) and after (B) therapy.": {"A": "Nests before therapy.", "B": "Nests after therapy."},
    "Scar with (A, B) and without (C) keloid.": {
        "A": "Scar with keloid.",
        "B": "Scar with keloid.",
        "C": "Scar without keloid.",
    },
    "H&E at low (a) and high (b) power.": {"A": "H&E at low power.", "B": "H&E at high power."},
    "Sham (A) and ligated (B) rats at week 2.": {"A": "Sham rats at week 2.", "B": "ligated rats at week 2."},
    "A stain for CD3 (A) shows T cells, while CD20 (B) is absent.": {
        "A": "A stain for CD3 shows T cells",
        "B": "CD20 is absent.",
    },
    # several panels, one text; lists out of order
    "A–C: Colon. (A) PAS. (B) CD3. (C) CD20.": {"A": "Colon. PAS.", "B": "Colon. CD3.", "C": "Colon. CD20."},
    "((a)-(b)) Sham; ((c)) ligature.": {"A": "Sham;", "B": "Sham;", "C": "ligature."},
    "(A, B) Hematoxylin and eosin. (C) Trichrome.": {
        "A": "Hematoxylin and eosin.",
        "B": "Hematoxylin and eosin.",
        "C": "Trichrome.",
    },
    "(A and B) Tumor. (C) Stroma.": {"A": "Tumor.", "B": "Tumor.", "C": "Stroma."},
    "(A-C) Tumor. (D) Stroma.": {"A": "Tumor.", "B": "Tumor.", "C": "Tumor.", "D": "Stroma."},
    "(A, C) H&E. (B, D) Ki-67.": {"A": "H&E.", "B": "Ki-67.", "C": "H&E.", "D": "Ki-67."},
    "(A) Gland. (B, C) Immunostains for p63 (B) and AMACR (C).": {
        "A": "Gland.",
        "B": "Immunostains for p63",
        "C": "AMACR",
    },
    # what only looks like a mark, and marks that only point
    "(A) Villus (H&E). (B) Crypt (H & E).": {"A": "Villus (H&E).", "B": "Crypt (H & E)."},
    "(A) Tubules. (B) Higher power of the box in (A). (C) As in (B), with PAS.": {
        "A": "Tubules.",
        "B": "Higher power of the box in (A).",
        "C": "As in (B), with PAS.",
    },
    "(A) Sinus, enlarged in (B). (B) Histiocytes.": {"A": "Sinus, enlarged in (B).", "B": "Histiocytes."},
    "(A) Controls (n = 4). (B) Treated, mean (H) of all.": {"A": "Controls (n = 4).", "B": "Treated, mean (H) of all."},
    "Notes: (A) sham, (B) ligature. Loss of villi in the ligature group (B, ×40).": {
        "A": "Notes: sham",
        "B": "Notes: ligature.",
    },
    "Vessels (V) and nerves (N). (A) Sham. (B) Crush.": {"A": "Sham.", "B": "Crush."},
    # what closes a caption speaks of all panels
    "(A) Alveoli. (B) Bronchiole. Scale bars: (A) 50 µm; (B) 20 µm.": {"A": "Alveoli.", "B": "Bronchiole."},
    "(A) Alveoli. (B) Bronchiole. (A, B) H&E.": {"A": "Alveoli.", "B": "Bronchiole."},
    "(A) Alveoli. (B) Bronchiole. A and B, H&E.": {"A": "Alveoli.", "B": "Bronchiole."},
    "(A) Alveoli. (B) Bronchiole. (C) Pleura. (A, C) are of one case.": {
        "A": "Alveoli.",
        "B": "Bronchiole.",
        "C": "Pleura.",
    },
    "Lung: A) alveoli, B) bronchi. Mucus is seen in bronchi (B).": {"A": "Lung: alveoli", "B": "Lung: bronchi."},
    "(A) Alveoli. (B) Bronchiole. A is in PAS, B in H&E.": {"A": "Alveoli.", "B": "Bronchiole."},
    "(a) Dermis. (b) Its thin dermal fat (f) and glands (g).": {
        "A": "Dermis.",
        "B": "Its thin dermal fat (f) and glands (g).",
    },
    "Fig. 1A: hilum. Fig. 1B: cortex.": {"A": "hilum.", "B": "cortex."},
    "Lymph node stained with PAS A). Sinus. B) Follicle.": {
        "A": "Lymph node stained with PAS Sinus.",
        "B": "Lymph node stained with PAS Follicle.",
    },
    "(A) Alveoli. (B) Bronchiole. Original magnification ×40.": {"A": "Alveoli.", "B": "Bronchiole."},
}
WHOLE = (
    "Only one.",
    "Grade (B) tumors and (A) others.",
    "Patients (n) and controls (c) differ.",
    "Hepatitis A and B were excluded. Vitamin D was given.",
    "Bone (a) and marrow (b) next to the screw.",  # both next to it, or the marrow alone?
    "Wide view (A) of the ulcer and close view (B) of its edge.",
    "(A) Nests. (B) The cortex is thin; loss of nephrons (D). (C) The pelvis.",
    "((a) and (b)) Sham; ((c) and (d)) ligature. (a), (c) H&E; (b), (d) PAS.",
    "(A) Sham. (B–C) The mRNA and protein levels of FGF2 in bone.",
    "(A, B) Doses of 5 and 10 mg, resp. (C) Control.",
    "A: Polyp; B, C: Sections of its head (B) and stalk (C); B-C: no invasion.",
    "(A) and (B) are of one case; (B) is in polarised light.",
    "(A-D) Four nevi. (A, B) H&E. (C, D) HMB45.",
    "(A, B) Low and high power, respectively. (C) CD20.",
    "(A, B) Tight junctions (a) and gaps (b). (C) CD20.",
    "(A) Tumor. (B) Stroma. (D) Necrosis.",
    "(A) Tumor as seen in panel (B). (C) Stroma.",
    "Left: ovary. Right: tube.",
    "Steps are (i) fixation and (ii) embedding.",
    "(A). (B).",
    "Two cases, one with (A–C) and one without necrosis (D).",
    "Cells with (A) CK7 and without (B) CK20.",
    "(A) Duct. (B, C) Acini: B, normal; C, atrophic.",
    "(A) Duct. (B–D) PAS, CD3 and CD20.",
    "Biopsy (A: H&E; B: PAS).",
    "(A) Duct. (A') Its wall. (B) Acinus.",
    "(A–D) Serial sections.",
    "Lung of case 1 (A, B) and case 2 (C, D). H&E (A, C) and PAS (B, D).",
    "(A, C) Case 1. (B, D) Case 2. (A, B) PAS. (C, D) Silver.",
    "A. Survival. B–E Sections. B and C. Day 3. D and E Day 5.",
)


@pytest.mark.parametrize(("caption", "parts"), SPLIT.items())
def test_each_panel_has_its_own_text(caption, parts):
    assert dict(split_caption(caption)) == parts


@pytest.mark.parametrize("caption", WHOLE)
def test_what_is_not_plain_stays_whole(caption):
    assert split_caption(caption) == []


@pytest.mark.parametrize("part", ["A, B, ", "(A", "A. ", "(A) gland. ", "; ", "(A, B; "])
def test_a_caption_made_to_take_long_does_not(part):
    begin = time.perf_counter()
    split_caption(part * (9_900 // len(part)))
    assert time.perf_counter() - begin < 20  # with a quadratic step: seconds; with an exponential one: for ever
