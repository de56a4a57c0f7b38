"""`scripts/race.sh`: the race on a page of its own, for a lecture hall, until Ctrl-C."""

import asyncio
import os
import signal
import sys
import webbrowser

from ..basics.catalog import find_stage
from ..basics.errors import LaunchError
from .run_step import SIGNALS, Parser, open_standard_streams

# Without one of these a browser would take over the terminal, or not be seen by anybody.
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")


def parser():
    parser = Parser(
        prog="race.sh",
        description="Send one message through all stages, a lane each, and measure what each stage "
        "can do; on a page for a lecture hall, until Ctrl-C.",
    )
    parser.add_argument("stages", metavar="N", nargs="*", help="only these: 1, 2, … or final")
    parser.add_argument("--port", type=int, default=8800, help="the page's (0: any free one)")
    parser.add_argument(
        "--no-browser", action="store_true", help="open none: only print the page's address"
    )
    return parser


def main(arguments=None):
    open_standard_streams()
    try:
        options = parser().parse_args(arguments)
        return asyncio.run(until_stopped(hold(options)))
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code


async def until_stopped(work):
    """Do the work until a signal comes; returns what it returns, or an exit code for the signal."""
    loop, working, stopped = asyncio.get_running_loop(), asyncio.ensure_future(work), []

    def stop(number):
        if not stopped:  # a second Ctrl-C must not break off the clean-up
            print("\nEnding what runs …", flush=True)
            working.cancel()
        stopped.append(number)

    for number in SIGNALS:
        # Under nohup a hang-up is to be ignored.
        if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN):
            loop.add_signal_handler(number, stop, number)
    await asyncio.wait([working])
    return 128 + stopped[0] if working.cancelled() else working.result()


async def hold(options):
    """Have the page up, and a race whenever its button is pressed."""
    # Only here: what draws and probes takes longer to load than a wrong option to be found.
    from ..live.race_page import RacePage
    from ..probing.race import Race

    numbers = {find_stage(text).number for text in options.stages}
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    page = RacePage(options.port, lambda: loop.call_soon_threadsafe(pressed.set))
    try:
        page.show(Race(numbers), "ready")
        page.start()
        print(f"The race is at {page.url}\nPress Start there. Ctrl-C stops everything.", flush=True)
        if not options.no_browser:
            open_browser(page.url)
        while await pressed.wait():
            race = Race(numbers)
            await race.run(page.show)
            page.show(race, "over")
            print(in_words(race), flush=True)
            pressed.clear()
    finally:
        page.stop()


def open_browser(url):
    has_screen = sys.platform == "darwin" or any(os.environ.get(name) for name in SCREENS)
    if not (has_screen and webbrowser.open(url)):
        print("No browser can be opened from here: open that address yourself.", flush=True)


def in_words(race):
    lines = [race.picture().text, *race.reasons()]
    return "\n".join(["", *lines, f"The first lane moved after {race.moved_after:.1f} s."])
