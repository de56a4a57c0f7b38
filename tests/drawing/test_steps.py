"""A flow as a narrow list of hops, and the one that is marked in it."""

from xml.etree import ElementTree

import pytest

from chatflow.basics.catalog import ROOT
from chatflow.drawing.steps import steps
from drawing import flows

RING = ".//{*}rect[@class='ring']"


def drawn(flow, mark=None):
    return ElementTree.fromstring(steps(flow, title="Yours", about="", mark=mark))


def test_every_hop_has_its_number_in_order_and_its_label():
    flow = flows.two_instances_on_redis()
    hops = (*flow.handshake, *flow.hops)
    rows = [
        [text.text for text in row.iterfind("{*}text")]
        for row in drawn(flow).iterfind(".//*[@data-hop]")
    ]
    assert [row[0] for row in rows] == [str(number) for number in range(1, len(hops) + 1)]
    assert rows[0][2] == hops[0].label


@pytest.mark.parametrize(("mark", "place"), [(None, []), (0, [0]), (2, [2]), (999, [-1])])
def test_only_the_marked_hop_is_ringed(mark, place):
    flow = flows.two_instances_on_redis()
    rows = drawn(flow, mark).findall(".//*[@data-hop]")
    assert [row for row in rows if row.find(RING) is not None] == [rows[i] for i in place]


@pytest.mark.parametrize(("name", "label"), [("half", "accept"), ("whole", "group_add")])
def test_pair_of_the_readme_has_the_first_hop_that_differs_in_red(name, label):
    picture = ElementTree.parse(ROOT / "notebooks" / "pictures" / f"{name}_05.svg")
    (row,) = [row for row in picture.iterfind(".//*[@data-hop]") if row.find(RING) is not None]
    assert label in " ".join(text.text for text in row.iterfind("{*}text"))
