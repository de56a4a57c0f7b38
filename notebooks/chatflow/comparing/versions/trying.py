"""What all stages do in the environment that runs `python -m chatflow.comparing.versions.trying`.

Prints a JSON object for each column of the table, as soon as it is known, with all that is not as
it should be by the matrix of steps.toml: {"column": "06", "unlike": {what was tried: what came}}.
"""

import asyncio
import json
import platform
import sys
from importlib.metadata import version

import websockets

from ...basics.errors import LaunchError
from ...clients.sockets import connect
from ...probing.capabilities import try_all
from ...probing.people import ANSWER_SECONDS, entered, hear_each_other, new_room
from ...probing.survey import reason
from ...running.launcher import stage
from ...running.variants import variant
from .columns import columns

SETTINGS = "websockets_channels/settings.py"
# What the settings tell redis-py, so that both 7 and 8 can be used.
TOLD = ', "socket_timeout": None, "protocol": 2'
# Redis may answer just before redis-py 8 gives up, after five seconds: there are several chances.
IDLE_SECONDS = 26
AT_A_TIME = 5
COMMANDS = {
    "check": ["check", "--fail-level", "WARNING"],
    "migrations": ["makemigrations", "--check", "--dry-run"],
}


async def main():
    print(json.dumps({"versions": versions()}), flush=True)
    places = asyncio.Semaphore(AT_A_TIME)
    async with asyncio.TaskGroup() as tries:
        # First those that are mostly left alone.
        for column in sorted(columns(), key=lambda column: not column.untold):
            tries.create_task(tell(column, places))


async def tell(column, places):
    async with places:
        unlike = await differences(column)
    if unlike and not column.untold:
        # A machine that is too busy fails a probe, too: what is told has failed twice.
        async with places:
            again = await differences(column)
        unlike = {key: again[key] for key in unlike if key in again}
    print(json.dumps({"column": column.name, "unlike": unlike}), flush=True)


async def differences(column):
    """{what was tried: what came of it}, where that is not as it should be."""
    try:
        if column.untold:
            return await left_to_itself(column)
        async with stage(column.number, instances=2) as chat:
            found = await commands(chat)
            await try_all(chat, found)
            return unlike(found, chat.stage.can)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return {"start": "no"}


async def commands(chat):
    """What the stage's own manage.py says to the new versions."""
    found = {}
    for name, words in COMMANDS.items():
        done = await asyncio.to_thread(chat.manage, *words)
        found[name] = "yes" if done.returncode == 0 else "no"
        if done.returncode:
            print(done.stdout, done.stderr, file=sys.stderr)
    return found


def unlike(found, can):
    wanted = dict.fromkeys(COMMANDS, "yes") | can
    words = {
        key: reason(result) if isinstance(result, Exception) else result
        for key, result in found.items()
    }
    return {key: words[key] for key in wanted if words[key] != wanted[key]}


async def left_to_itself(column):
    """A stage whose settings tell redis-py nothing, and two sockets that are idle."""
    options = {"instances": 2, "redis_layer": column.layer}
    async with (
        variant(column.number, SETTINGS, TOLD, "") as folder,
        stage(column.number, folder=folder, **options) as chat,
    ):
        found = {"idle": await left_alone(*chat.instances)}
        if chat.worker and chat.worker.program.poll() is not None:
            found["worker"] = "ended"
    return {key: result for key, result in found.items() if result != "open"}


async def left_alone(here, there):
    """What becomes of two idle sockets: "open", "deaf", or the code with which one was closed."""
    room_name = new_room()
    async with connect(here, room_name, "ada") as ada, connect(there, room_name, "ben") as ben:
        for socket in (ada, ben):
            await entered(socket)
        closing = [asyncio.create_task(each.wait_closed()) for each in (ada, ben)]
        await asyncio.wait(closing, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return "open" if await hear_each_other(ada, ben) else "deaf"
        except websockets.ConnectionClosed:
            return str(ada.close_code or ben.close_code)
        except TimeoutError:
            return "deaf"


def versions():
    return {
        "python": platform.python_version(),
        "django": version("django"),
        "redis": version("redis"),
    }


if __name__ == "__main__":
    asyncio.run(main())
