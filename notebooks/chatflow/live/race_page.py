"""The page of `scripts/race.sh`: the race in large letters, and the button that begins it."""

from ..basics.catalog import capabilities
from ..drawing.lanes import track
from ..probing.race import ABOUT, TITLE
from .served import LIVE, ServedPage

FILES = {"/": "race.html", "/race.css": "race.css", "/race.js": "race.js"}


class RacePage(ServedPage):
    """Shows a race; `pressed` is called when somebody presses its button."""

    def __init__(self, port, pressed):
        files = {path: LIVE / name for path, name in FILES.items()}
        super().__init__(port, files, buttons={"/start": pressed})

    def show(self, race, phase="running"):
        """`phase` is "ready", "running" or "over": what the button is for."""
        columns = race.survey.columns
        self.state = {
            "title": TITLE,
            "about": ABOUT,
            "phase": phase,
            "progress": race.survey.progress,
            "lanes": [lane_state(lane) for lane in race.lanes()],
            "rows": [
                {"sentence": sentence, "cells": [column[key] for column in columns.values()]}
                for key, sentence in capabilities().items()
            ],
            "reasons": race.reasons(),
        }


def lane_state(lane):
    facts = {"name": lane.name, "title": lane.title, "says": lane.says, "end": lane.end}
    return facts | {"track": track(lane)}
