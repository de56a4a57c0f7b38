"""How many posts a second chat_final accepts and acknowledges, and what holds it back."""

from ..basics.errors import MissingError
from ..running import postgres
from ..tracing.flow import counted
from .measuring import WARM_SECONDS
from .systems import chat_final, cpu_seconds

WRITERS, SECONDS = 16, 5
# One room with all the writers, or a room for each of them.
ROOMS = (1, WRITERS)
INSTANCES = (1, 2)


async def measure(seconds=SECONDS, server="uvicorn"):
    """Returns the facts to keep: a row for each database, number of instances and of rooms."""
    rows = []
    for instances in INSTANCES:
        rows += await measure_on("SQLite", instances, seconds, server)
    try:
        with postgres.server(durable=True) as database:
            for instances in INSTANCES:
                rows += await measure_on("PostgreSQL", instances, seconds, server, database)
    except MissingError as error:
        print(error, flush=True)
    return {"writers": WRITERS, "server": server.title(), "rows": rows}


async def measure_on(name, instances, seconds, server, database=None):
    print(f"{name}, {instances} instances ...", flush=True)
    options = {"instances": instances}
    if database:
        options["database"] = database.new_database()
    programs = [database.program] if database else []
    async with chat_final(server, WRITERS, **options) as system:
        return [
            [name, instances, rooms, await load(system, programs, rooms, seconds)]
            for rooms in ROOMS
        ]


async def load(system, database, rooms, seconds):
    """Everybody writes as fast as they are answered; figures by name."""
    async with system.crowd() as crowd:
        await crowd.connect([f"posts-{rooms}-{number % rooms}" for number in range(WRITERS)])
        await crowd.talk(WARM_SECONDS, crowd.clients)
        parts = {"instances": system.servers, "redis": system.redis, "database": database}
        before = {name: cpu_seconds(programs) for name, programs in parts.items()}
        load = await crowd.talk(seconds, crowd.clients)
        used = {name: cpu_seconds(programs) - before[name] for name, programs in parts.items()}
        return {
            "rate": load.messages / load.seconds,
            "shares": {name: seconds / load.seconds for name, seconds in used.items()},
        }


def table(facts):
    head = [
        f"{facts['writers']} writers, {facts['server']}",
        "posts/s",
        "cores: instances",
        "database",
        "Redis",
    ]
    return head, [
        [
            f"{database}, {counted(instances, 'instance')}, {counted(rooms, 'room')}",
            f"{figures['rate']:,.0f}",
            *(f"{figures['shares'][name]:.2f}" for name in ("instances", "database", "redis")),
        ]
        for database, instances, rooms, figures in facts["rows"]
    ]


def in_words(facts):
    return (
        "SQLite runs inside the instances, so their share includes it. Both databases write each "
        "post to the disk before they confirm it."
    )
