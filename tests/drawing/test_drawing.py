"""The pictures cannot lie: what they draw is what was recorded, all of it can be read."""

import io
from dataclasses import replace
from itertools import chain
from xml.etree import ElementTree

import pytest
from PIL import Image

from chatflow.drawing import flow_map, fold, sequence, words
from chatflow.drawing.picture import LARGEST, Picture
from chatflow.drawing.svg import COLOURS
from chatflow.tracing.flow import Missed
from drawing import flows

PICTURES = {"sequence": sequence, "map": flow_map}
every_flow = pytest.mark.parametrize(
    "flow", [make() for make in flows.ALL.values()], ids=list(flows.ALL)
)
every_form = pytest.mark.parametrize("draw", PICTURES.values(), ids=list(PICTURES))


def groups(svg, name):
    """The picture's groups of a class, in drawing order."""
    root = ElementTree.fromstring(svg)
    return [group for group in root.iter() if group.get("class") == name]


def tags(root):
    return [part.tag.rpartition("}")[2] for part in root.iter()]


def texts(root):
    return [part.text for part in root.iter() if part.tag.endswith("}text")]


def ids(hops):
    return [hop.id for hop in hops]


def fills(group):
    return {part.get(paint) for part in group.iter() for paint in ("fill", "stroke")}


def places(svg):
    return {group.get("data-place"): group for group in groups(svg, "place")}


def states(svg):
    return {name: group.get("data-state") for name, group in places(svg).items()}


@every_flow
def test_an_arrow_has_the_colour_of_its_kind_and_leads_from_source_to_target(flow):
    svg = sequence(flow, clients=1000)
    x = {
        station.get("data-station"): float(station.find("{*}line").get("x1"))
        for station in groups(svg, "station")
    }
    hops = flow.handshake + flow.hops
    for hop, group in zip(hops, groups(svg, "hop"), strict=True):
        assert group.get("data-hop") == hop.id, "the hops in their order"
        start, *_, end = group.find("{*}path").get("d").removeprefix("M").split("L")
        assert group.find("{*}path").get("stroke") == COLOURS[hop.kind]
        assert float(start.split()[0]) == pytest.approx(x[hop.source], abs=0.2)
        if not hop.detail.get("inside"):
            assert float(end.split()[0]) == pytest.approx(x[hop.target], abs=8)


def test_each_station_has_a_lifeline_and_the_unreached_ones_are_grey_and_dashed():
    for flow in (flows.two_instances_on_redis(), flows.two_instances_in_memory()):
        for station, group in zip(flow.stations, groups(sequence(flow), "station"), strict=True):
            assert group.get("data-station") == station.id
            dashed = group.find("{*}line").get("stroke-dasharray") is not None
            assert dashed is not station.reached


def test_a_missed_client_stands_in_red_with_the_reason():
    flow = flows.two_instances_in_memory()
    [missed] = groups(sequence(flow), "missed")
    assert missed.get("data-client") == "client/bob"
    assert texts(missed) == ["never reached: bob", flow.missed[0].reason]
    assert COLOURS["lost"] in fills(missed)


@pytest.mark.parametrize("code", [403, 404, 500, 1011])
def test_a_refusal_shows_its_code(code):
    *_, last = groups(sequence(flows.refused_handshake(code)), "hop")
    assert str(code) in texts(last)
    assert COLOURS["lost"] in fills(last)


def test_sections_only_where_there_was_a_handshake_or_a_return():
    assert "at the handshake, once" in sequence(flows.two_instances_on_redis())
    assert "for each message" not in sequence(flows.two_instances_in_memory())
    assert "waiting since before" in sequence(flows.long_polling())
    svg = sequence(flows.back_again())
    assert svg.index("for each message") < svg.index("on the return") < svg.index("SELECT message")
    assert "on the return" not in sequence(flows.two_instances_on_redis())


def test_a_worker_that_takes_no_job_is_grey_and_no_client():
    flow = flows.waiting_job()
    svg = sequence(flow)
    assert "worker · never reached" in svg
    assert "instance worker" not in svg
    assert texts(groups(svg, "missed")[0]) == ["never reached: worker", flow.missed[0].reason]
    assert flow.unreached() == []
    assert states(flow_map(flow))["clients"] == "unreached"


@pytest.mark.parametrize(("mark", "ringed"), [(2, 2), (99, -1)])
def test_a_ring_marks_one_hop_or_the_last_where_the_flow_should_have_gone_on(mark, ringed):
    flow = flows.two_instances_on_redis()
    svg = sequence(flow, mark=mark)
    [ring] = groups(svg, "ring")
    hop = (flow.handshake + flow.hops)[ringed]
    badge = groups(svg, "hop")[ringed].find(f"{{*}}rect[@fill='{COLOURS[hop.kind]}']")
    assert middle(ring) == pytest.approx(middle(badge), abs=0.1)
    assert not groups(sequence(flow), "ring")


def middle(rect):
    x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
    return [x + width / 2, y + height / 2]


def test_the_legend_names_the_kinds_that_occur_and_no_others():
    svg = sequence(flows.wsgi_request())
    assert "Location: /chat/lobby/" in texts(groups(svg, "hop")[4]), "a note, under its arrow"
    assert ">HTTP</" in svg
    assert ">Redis command</" not in svg


def test_times_count_from_the_first_hop_of_each_section():
    svg = sequence(flows.two_instances_on_redis(), times=True)
    first = [texts(group)[-1] for group in groups(svg, "hop")]
    assert first[:3] == ["0 µs", "400 µs", "800 µs"]
    assert first[7:11] == ["0 µs", "400 µs", "800 µs", "1.20 ms"]
    assert "µs" not in sequence(flows.two_instances_on_redis())


def test_folding_keeps_count_and_loses_no_hop():
    flow = flows.hundred_clients()
    folded = fold(flow, 4)
    clients = [station.title for station in folded.stations if station.kind == "client"]
    consumers = [station.title for station in folded.stations if station.kind == "consumer"]
    assert clients == ["alice", "reader 2", "reader 3", "and 97 more"]
    assert consumers == ["ChatConsumer"] * 3 + ["ChatConsumer ×97"]
    assert [hop.detail["times"] for hop in folded.hops if "times" in hop.detail] == [97] * 3
    drawn = [group.get("data-hops").split(",") for group in groups(sequence(flow), "hop")]
    assert sorted(chain(*drawn)) == sorted(ids(flow.hops))
    assert "client/alice" in [station.id for station in fold(flow, 1).stations]
    assert fold(flows.two_instances_on_redis(), 4) == flows.two_instances_on_redis()


def test_those_never_reached_are_folded_apart_from_those_reached():
    flow = flows.hundred_clients()
    silent = {f"client/reader {i}" for i in range(51, 101)}
    stations = tuple(replace(each, reached=each.id not in silent) for each in flow.stations)
    hops = tuple(hop for hop in flow.hops if hop.target not in silent)
    missed = tuple(Missed(client, "A", "gone") for client in sorted(silent))
    folded = fold(replace(flow, stations=stations, hops=hops, missed=missed), 4)
    titles = {s.title: s.reached for s in folded.stations if s.kind == "client"}
    assert titles["and 47 more"] is True
    assert titles["and 50 more"] is False
    assert len(folded.missed) == 1


def test_the_map_lights_what_was_touched():
    assert by_state(flow_map(flows.two_instances_on_redis())) == {
        "lit": {"client", "server", "handler", "layer", "consumers", "clients"},
        "once": {"routing"},
    }
    assert by_state(flow_map(flows.wsgi_request())) == {
        "lit": {"client", "server", "routing", "handler", "clients", "database"},
        "unreached": {"layer", "consumers"},
    }


def by_state(svg):
    found = states(svg)
    return {state: {name for name in found if found[name] == state} for state in found.values()}


def test_the_map_says_that_routing_happens_once_and_counts():
    drawn = places(flow_map(flows.two_instances_on_redis()))
    assert texts(drawn["routing"]) == ["Routing", "once, at the handshake"]
    assert texts(drawn["consumers"]) == ["Consumers", "2 consumers"]
    assert texts(places(flow_map(flows.hundred_clients()))["clients"]) == ["Clients", "100 clients"]


def coloured_ways(flow):
    """The ways that the map draws in colour, as "from to"."""
    return {way_of(way) for way in groups(flow_map(flow), "way") if fills(way) & COLOURED}


def way_of(group):
    return f"{group.get('data-from')} {group.get('data-to')}"


COLOURED = set(COLOURS.values())
THERE = {"client server", "server handler"}


def test_the_map_draws_only_ways_that_hops_took_in_colour():
    onwards = {"handler layer", "layer consumers", "consumers clients"}
    assert coloured_ways(flows.two_instances_in_memory()) == THERE | onwards


def test_the_map_draws_no_way_on_from_where_a_request_was_refused():
    assert coloured_ways(flows.refused_handshake(404)) == {"client server", "server routing"}


def test_the_map_shows_that_a_waiting_view_is_woken_through_the_database():
    woken = {"handler database", "database consumers", "consumers clients"}
    assert woken <= coloured_ways(flows.long_polling())
    assert texts(places(flow_map(flows.long_polling()))["consumers"]) == ["Views", "1 view"]


def test_the_map_shows_the_way_from_hub_to_hub_in_both_directions():
    flow = flows.through_the_hubs()
    hubs = {"handler consumers", "consumers layer", "layer consumers", "consumers clients"}
    stored = {"handler database", "database consumers"}
    assert coloured_ways(flow) == THERE | hubs | stored
    svg = flow_map(flow)
    assert texts(places(svg)["consumers"]) == ["Hubs", "2 hubs, 1 consumer"]
    drawn = [way_of(group) for group in groups(svg, "way")]
    nobody_away = flow_map(replace(flow, hops=flow.hops[:-3]))
    for each in (svg, nobody_away):
        assert 'data-from="handler" data-to="layer"' not in each, "no consumer tells the layer"
    told = drawn.index("consumers layer")
    assert told < drawn.index("layer consumers"), "the dot goes there before it comes back"
    to, back = ends_of(svg, "consumers layer"), ends_of(svg, "layer consumers")
    assert to[0] > to[2], "the hubs stand on the right of the layer"
    assert back[0] < back[2]
    assert to[1] - back[1] > 11, "one beside the other, so that both tips can be seen"


def ends_of(svg, name):
    """Start and end (x, y, x, y) of the arrow that the map draws for a way."""
    [way] = [group for group in groups(svg, "way") if way_of(group) == name]
    line, tip = (path.get("d").removeprefix("M") for path in way.findall("{*}path"))
    start, end = line.split("L")[0], tip.partition("l")[0]
    return [float(number) for number in f"{start} {end}".split()]


def test_the_map_shows_the_place_of_a_refusal_or_a_loss():
    refused = places(flow_map(flows.refused_handshake(404)))
    assert refused["routing"].get("data-state") == "lost"
    assert "404" in texts(refused["routing"])
    assert refused["clients"].get("data-state") == "unreached"
    assert states(flow_map(flows.lost_in_redis()))["layer"] == "lost"
    assert "1 never reached" in texts(places(flow_map(flows.two_instances_in_memory()))["clients"])


def test_the_map_tells_what_a_stage_lacks_from_what_was_not_reached():
    drawn = states(flow_map(replace(flows.wsgi_request(), has=("view", "database"))))
    assert (drawn["routing"], drawn["layer"], drawn["consumers"]) == ("lit", "absent", "absent")


@every_form
@pytest.mark.parametrize("text", flows.NASTY, ids=range(len(flows.NASTY)))
def test_hostile_texts_stay_texts(draw, text):
    root = ElementTree.fromstring(draw(flows.nasty_texts(text)).encode("utf-8"))
    assert not {"script", "style", "foreignObject", "a"} & set(tags(root))
    assert root.find("{*}title").text
    assert Picture(flows.nasty_texts(text), form={sequence: "sequence", flow_map: "map"}[draw]).png


@every_form
@every_flow
def test_no_style_no_script_and_its_natural_size(draw, flow):
    root = ElementTree.fromstring(draw(flow))
    assert not {"style", "script", "image", "foreignObject"} & set(tags(root))
    names = {name for part in root.iter() for name in part.attrib}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    wide, high = map(float, root.get("viewBox").split()[2:])
    scale = float(root.get("width")) / wide
    assert scale == pytest.approx(min(1, max(820 / wide, 0.92)), rel=1e-3)
    assert float(root.get("height")) == pytest.approx(scale * high, rel=1e-3)


@every_form
@every_flow
def test_it_can_be_heard(draw, flow):
    root = ElementTree.fromstring(draw(flow))
    named = {part.get("id"): part.text for part in root if part.get("id")}
    title, desc = root.get("aria-labelledby").split()
    assert root.get("role") == "img"
    assert named[title] == flow.title
    assert flow.hops[0].label in named[desc]
    assert all(missed.reason in named[desc] for missed in flow.missed)


@every_flow
def test_the_still_picture_is_complete_without_its_motion(flow):
    """Only the dot moves, and where nothing moves it is not to be seen."""
    root = ElementTree.fromstring(sequence(flow))
    [dot] = [part for part in root if part.get("class") == "dot"]
    assert dot.get("opacity") == "0"
    moving = [tag for tag in tags(root) if tag.startswith("animate")]
    assert moving == [tag for tag in tags(dot) if tag.startswith("animate")]
    root.remove(dot)
    still = ElementTree.fromstring(sequence(flow, animated=False))
    assert ElementTree.tostring(root) == ElementTree.tostring(still)


@every_flow
def test_the_dot_visits_every_hop_in_order(flow):
    root = ElementTree.fromstring(sequence(flow))
    [move] = root.findall(".//{*}animateTransform")
    moments = [float(moment) for moment in move.get("keyTimes").split(";")]
    assert len(moments) == len(move.get("values").split(";"))
    assert moments == sorted(moments)
    assert (moments[0], moments[-1]) == (0, 1)
    [fill] = root.findall(".//{*}animate[@attributeName='fill']")
    hops = fold(flow, 4).handshake + fold(flow, 4).hops
    assert fill.get("values").split(";") == [COLOURS[hop.kind] for hop in hops]


@every_form
def test_the_same_flow_gives_the_same_bytes(draw):
    assert draw(flows.two_instances_on_redis()) == draw(flows.two_instances_on_redis())
    assert draw(flows.hundred_clients()) == draw(flows.hundred_clients())
    one, other = Picture(flows.two_instances_on_redis()), Picture(flows.two_instances_on_redis())
    assert one._repr_mimebundle_() == other._repr_mimebundle_(), "and in a notebook"


@every_flow
@pytest.mark.parametrize("form", PICTURES)
def test_the_png_is_the_same_picture(form, flow):
    picture = Picture(flow, form=form)
    image = Image.open(io.BytesIO(picture.png))
    _, _, wide, high = map(float, ElementTree.fromstring(picture.svg).get("viewBox").split())
    assert image.width / image.height == pytest.approx(wide / high, rel=0.01)
    assert image.width >= wide
    assert len(picture.png) <= LARGEST
    assert len(set(image.tobytes())) > 100


def test_the_png_has_its_text_in_both_fonts():
    """A picture that resvg finds no font for has no text, and no two texts differ."""
    flow = flows.wsgi_request()
    other_title = replace(flow, title="Another")
    other_label = replace(flow, hops=(replace(flow.hops[0], label="PUT"), *flow.hops[1:]))
    assert len({Picture(each).png for each in (flow, other_title, other_label)}) == 3


def test_a_notebook_gets_svg_png_and_words_in_one_output():
    picture = Picture(flows.two_instances_in_memory())
    bundle, looks = picture._repr_mimebundle_()
    assert looks["image/svg+xml"] == {"unconfined": True}, "it scrolls where it is too wide"
    assert looks["image/png"] == {"width": 923, "unconfined": True}, "as wide as the SVG"
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    assert bundle["image/svg+xml"] == picture.svg
    lines = bundle["text/plain"].splitlines()
    assert lines[0] == "Stage 05 · two instances, two separate chats"
    assert lines[2] == "1. alice → Daphne A: {post, “hello”}"
    assert lines[-1] == "never reached: bob – group_send in A reaches only the channels of A."
    assert ids(picture.hops) == ids(flows.two_instances_in_memory().hops)
    told = words(flows.lost_in_redis())
    assert "at the handshake, once:" in told
    assert told[-3] == "11. Daphne A → alice: closed (by the server) – lost 1011"


def test_error_is_told_in_full_below_its_name():
    said = "Django can only handle ASGI/HTTP connections, not websocket."
    flow = flows.refused_handshake()
    server = next(station.id for station in flow.stations if station.kind == "server")
    error = replace(flow.hops[-1], source=server, target=server, label=f"ValueError: {said}")
    error = replace(error, id="e1", kind="lost", detail={})
    svg = ElementTree.fromstring(sequence(replace(flow, hops=(*flow.hops, error))))
    lines = [line.text for line in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "ValueError" in lines
    assert said in lines
