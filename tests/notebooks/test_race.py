"""The lanes of the race as they go on; those of real messages are in tests/tracing."""

import asyncio
import contextlib
import re
from types import SimpleNamespace

from chatflow import find_stage, stages
from chatflow.basics.errors import LaunchError
from chatflow.drawing.lanes import ALL, BRANCHES, HALF, NOBODY, TRUNK, track
from chatflow.lesson.racing import Shown
from chatflow.probing import race as racing
from chatflow.probing.race import Race
from chatflow.probing.survey import Survey

WAY = (*TRUNK, "receivers A", "bob")


def marked(svg, look):
    """The stops that a picture shows as reached, or as missed."""
    return re.findall(rf'class="stop {look}" data-stop="([^"]+)"', svg)


def a_race(number, end, words, stops=WAY):
    race = Race([number])
    race.began = 0
    race.ways[number].stops, race.ways[number].verdict = stops, (end, words)
    return race


def test_lane_goes_on_stop_by_stop_and_its_end_is_not_told_before():
    race = a_race(5, HALF, "Bob heard her, Carol did not")
    seen = [race.go_on().lanes()[0] for _ in range(len(WAY) + 1)]
    assert [lane.stops for lane in seen[:-1]] == [WAY[: end + 1] for end in range(len(WAY))]
    assert {lane.says for lane in seen[:-2]} == {"Alice writes"}
    assert seen[-1] == seen[-2], "there it stays"
    assert seen[-1].says == "Bob heard her, Carol did not"
    assert marked(track(seen[2]), "reached") == list(WAY[:3])
    assert marked(track(seen[2]), "missed") == [], "she may still hear"
    assert marked(track(seen[-1]), "missed") == ["carol"]


def test_whoever_has_not_heard_is_crossed_out_and_what_a_stage_lacks_is_not_drawn():
    for number, end, missed in ((1, NOBODY, ["bob", "carol"]), (6, ALL, [])):
        race = a_race(number, end, "words", stops=TRUNK)
        race.end()
        [lane] = race.lanes()
        assert marked(race.picture().svg, "missed") == missed
        assert ("layer" in lane.has) == (number == 6)
        assert {stop for stop, _ in BRANCHES} <= lane.has or number == 1, "nobody waits"


async def test_first_stage_starts_alone_and_the_others_follow_even_if_it_fails(
    monkeypatch,
):
    began = []

    @contextlib.asynccontextmanager
    async def stand_in(number, **options):
        began.append(number)
        if number == 1:
            for _ in range(9):
                await asyncio.sleep(0)
            assert began == [1]
            raise LaunchError("Stage 1 did not start.\nIts last lines")
        yield SimpleNamespace(stage=find_stage(number))

    async def measure(survey, chat, first):
        pass

    monkeypatch.setattr(racing, "stage", stand_in)
    monkeypatch.setattr(Survey, "measure", measure)
    race = Race([1, 2, 3])
    await race.run(lambda race: None)
    assert began == [1, 3, 2]
    assert race.lanes()[0].says == "broke off: LaunchError"
    assert race.reasons() == ["? stage 1, all the rest: LaunchError: Stage 1 did not start."]


def test_notebook_shows_an_image_while_it_runs_and_what_every_viewer_shows_when_it_is_over():
    race = Race()
    during = Shown(race)._repr_mimebundle_()
    assert re.search('<img alt="[^"]+" src="data:image/svg', during["text/html"])
    assert during["text/html"].count("…</td>") == len(stages()) * len(race.survey.measured[1])
    race.end()
    after = Shown(race)._repr_mimebundle_()["text/html"]
    assert "<svg" not in after, "many viewers take it away"
    assert re.search('<img alt="[^"]+" src="data:image/png;base64,[^"]{999,}">', after)
