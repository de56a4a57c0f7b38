"""The pictures that notebooks were committed with: as those that are drawn now, all to be seen."""

import json

import pytest

from chatflow.basics.catalog import ROOT
from chatflow.clients.browser import chromium, find_chromium
from drawing.test_looks import LARGEST, SMALLEST, faults_of, letters, named
from helpers.missing import need


def committed():
    """(what it is, SVG, metadata) of each picture in an output."""
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                if svg := "".join(output.get("data", {}).get("image/svg+xml", "")):
                    yield f"{path.stem}, {cell['id']}", svg, output["metadata"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_in_a_committed_picture_is_covered_or_pale(scheme):
    need("chromium", find_chromium)
    pictures = [named(name, svg) for name, svg, _ in committed()]
    assert len(pictures) > 40
    async with chromium() as browser:
        assert await faults_of(browser, pictures, color_scheme=scheme) == []


def test_they_keep_their_size_in_which_letters_are_those_of_text():
    for what, svg, looks in committed():
        assert looks.get("image/svg+xml") == {"unconfined": True}, f"{what}: should scroll sideways"
        smallest, largest, wide = letters(svg)
        assert SMALLEST <= smallest <= largest <= LARGEST, what
        assert looks["image/png"]["width"] == round(wide), what
