"""The stage's own addresses, and /inside: what a process alone knows of itself, or can do to it."""

import asyncio
import gc
from datetime import UTC, datetime, timedelta

import time_machine
from django.http import JsonResponse
from django.urls import include, path

wrong_clocks = []


async def inside(request):
    """`?clock=SECONDS` first sets the clock wrong by so much; 0 sets it right."""
    if "clock" in request.GET:
        set_clock_wrong(timedelta(seconds=float(request.GET["clock"])))
    # Two of them are those that answer this.
    tasks = sorted(task.get_coro().__qualname__ for task in asyncio.all_tasks())
    gc.collect()
    return JsonResponse({"tasks": tasks, "now": datetime.now(UTC).isoformat()})


def set_clock_wrong(by):
    """The wall clock only: by the other one asyncio waits."""
    while wrong_clocks:
        wrong_clocks.pop().stop()
    if by:
        wrong_clocks.append(time_machine.travel(datetime.now(UTC) + by))
        wrong_clocks[0].start()


urlpatterns = [path("inside", inside), path("", include("websockets_channels.urls"))]
