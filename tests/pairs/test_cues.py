"""Which picture a sentence says it is about."""

import pytest

from stages.demo.script import narration
from stages.pairs.cues import place_of

SENTENCES = {
    "previous": (
        "In the earlier image we noted a thick band of collagen.",
        "The last slide showed a sarcoma.",
        "If you recall, the previous patient had granulomas.",
    ),
    "next": (
        "We'll see that better on the next image.",
        "Now let's look at the next field, where there are giant cells.",
    ),
    "changing": ("Coming up next is a section of liver.", "In our next patient there is a colonic polyp."),
    "ahead": ("Let us now turn to the second slide.", "I'm going to zoom in on the capsule."),
    "elsewhere": (
        "As I showed you in the first slide, the glands are crowded.",
        "Just to remind you, the biopsy showed necrosis.",
        "Going back for a moment to the low power view.",
        "By comparison, a normal lymph node has small follicles.",
        "Whereas a benign lesion would be circumscribed.",
        "I’ll show you the immunostains later.",
        "We have already seen the capsule.",
        "The stain for melanin is not shown.",
        "In my other lecture we talked about sarcoma.",
    ),
    "compared": (
        "Here, in contrast to the last case, the stroma is myxoid.",
        "This is different from the carcinoma we saw earlier.",
        "In melanoma, by contrast, the cells are discohesive.",
        "The main differential diagnosis is lymphoma.",
    ),
    "here": (
        "These cells would be plasma cells.",
        "The last thing I want to show is the muscularis.",
        "Here is another example of a mitosis.",
        "If we go to higher power, the nuclei have grooves.",
        "The tumor had been treated before with radiation.",
        "A previous biopsy was read as benign.",
        "The lesion has come back after excision.",
        "These lymphocytes are next to the vessel.",
        "The normal glands on the left have basal cells.",
        "I would look at the margins first.",
        "The recurrence came two years later.",
        "Let me move the arrow to the nucleolus.",
    ),
}


@pytest.mark.parametrize(("place", "text"), [(place, text) for place, texts in SENTENCES.items() for text in texts])
def test_the_place_of_a_sentence(place, text):
    assert place_of(text) == place


def test_plain_descriptions_are_of_the_picture_on_screen():
    texts = [line for words in narration()["tissues"].values() for line in words["statements"]]
    assert len(texts) > 50
    assert {place_of(text) for text in texts} == {"here"}
