"""What the walkthrough claims is settled in the notebooks, and the tables of it are true."""

import json
import re
from functools import cache

import pytest

from chatflow import stages
from chatflow.lesson import claims
from chatflow.lesson.notebooks import FOLDER

# All cells with a tag: reading all notebooks takes a while, and nobody changes them here.
places = cache(claims.places)
CLAIMS = claims.load()["claim"]
SYMPTOMS = claims.load()["symptom"]

# Where CONCEPTS puts each claim: notebooks whose names begin so.
STAGES_OF = {
    "C1": "01", "C2": "02", "C3": "03", "C4": "03", "C5": "03", "C6": "03 04", "C7": "04",
    "C8": "04", "C9": "04", "C10": "04", "C11": "04", "C12": "04", "C13": "05", "C14": "05",
    "C15": "05", "C16": "05 06", "C17": "06", "C18": "06", "C19": "06", "C20": "06", "C21": "07",
    "C22": "07", "C23": "04", "C24": "08", "C25": "08", "C26": "09 10",
    "C27": "01 02 03 04 05 06 07 08 09 10", "C28": "11", "C29": "11", "C30": "12",
    "C31": "01 03", "C32": "06", "C33": "04b", "C34": "05 09",
    "C35": "13", "C36": "13", "C37": "13", "C38": "13",
    "C39": "14", "C40": "14", "C41": "14",
    "C42": "15b", "C43": "15b", "C44": "15b", "C45": "15b",
    "C46": "15", "C47": "15", "C48": "15", "C49": "15",
}  # fmt: skip


@pytest.mark.parametrize("name", STAGES_OF)
def test_claim_is_settled_by_a_cell_that_asserts(name):
    found = places().get(name, [])
    for number in STAGES_OF[name].split():
        cells = [place.cell for place in found if place.notebook.startswith(number)]
        assert cells, f"no cell of notebook {number} carries the tag {name}"
    assert any("assert " in place.source for place in found), f"nothing asserts {name}"


@pytest.mark.parametrize("entry", SYMPTOMS, ids=lambda entry: entry["tag"])
def test_error_is_reproduced_word_for_word(entry):
    [place] = places().get(entry["tag"], [None])
    assert place, f"no cell carries the tag {entry['tag']}"
    assert entry["error"] in json.dumps(place.cell["outputs"], ensure_ascii=False)


def test_every_tag_is_known():
    known = {*CLAIMS, *(entry["tag"] for entry in SYMPTOMS), "varies", "browser"}
    assert set(CLAIMS) == set(STAGES_OF)
    assert not set(places()) - known


def test_tables_lead_to_headings_that_are_there():
    tables = claims.claims_table() + claims.symptoms_table()
    links = re.findall(r"\]\(([^#)]+)#([^)]+)\)", tables)
    assert len(links) >= len(CLAIMS) + len(SYMPTOMS)
    for name, anchor in links:
        text = json.loads((FOLDER / name).read_text())
        sources = "\n".join("".join(cell["source"]) for cell in text["cells"])
        headings = re.findall(r"^#+ (.*)$", sources, re.M)
        assert anchor in [heading.replace(" ", "-") for heading in headings], (name, anchor)


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_every_stage_has_a_notebook_of_its_name(stage):
    assert (FOLDER / stage.notebook).is_file()
