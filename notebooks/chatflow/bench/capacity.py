"""How many instances, Redis servers and writes so many users need, going by what was measured."""

import math
import statistics
from dataclasses import dataclass

from .measuring import kept


@dataclass(frozen=True)
class Assumptions:
    """What people do, and how full one makes things. All of it is a guess: change it."""

    online: float = 0.1  # of all users, at the busiest hour
    posts_an_hour: float = 6  # of each who is online
    room_size: int = 50  # sockets in the room of a message
    peak: float = 3  # the busiest second, compared with the hour's mean
    filled: float = 0.5  # of a core, a database, a Redis: what is more waits
    sockets: int = 20_000  # of one instance, for its memory and its restarts


@dataclass(frozen=True)
class Costs:
    """Measured: µs of CPU for each message, for each of its deliveries, and a second for an idle
    socket; KB for each socket; posts a second that one database takes; µs that a Redis needs to
    pass a message on to one instance.
    """

    message_us: float
    delivery_us: float
    socket_us: float
    socket_kb: float
    posts_per_second: float
    redis_us: float


@dataclass(frozen=True)
class Plan:
    """What it takes; `instances` are cores too, as each instance uses one."""

    sockets: int
    posts_per_second: float
    deliveries_per_second: float
    instances: int
    memory_gb: float
    shards: int
    databases: float


def costs(server="final_daphne"):
    """The costs of chat_final on a server, as `notebooks/performance.md` shows them."""
    by_size = {int(size): cost for size, cost in kept("growth")["costs"][server].items()}
    # A message to n sockets costs a + b·n, so each of its deliveries a/n + b: a line over 1/n.
    line = statistics.linear_regression([1 / size for size in by_size], list(by_size.values()))
    idle = kept("connections")["figures"][server]
    posts = [row[-1]["rate"] for row in kept("posts")["rows"] if row[0] == "PostgreSQL"]
    redis = [figures["redis_us"] / count for count, _, figures in kept("instances")["rows"]]
    return Costs(
        message_us=line.slope,
        delivery_us=line.intercept,
        socket_us=idle["cpu_ms"],  # ms for 1,000 of them are µs for each
        socket_kb=idle["memory_kb"],
        posts_per_second=max(posts),
        redis_us=statistics.median(redis),
    )


def plan(users, assumed, cost):
    """What so many users need."""
    sockets = users * assumed.online
    posts = sockets * assumed.posts_an_hour / 3600 * assumed.peak
    deliveries = posts * assumed.room_size
    busy_us = posts * cost.message_us + deliveries * cost.delivery_us + sockets * cost.socket_us
    by_work = busy_us / 1e6 / assumed.filled
    instances = math.ceil(max(by_work, sockets / assumed.sockets))
    # A hint goes to each instance that has somebody in the room; that is what a shard is for.
    receivers = min(instances, assumed.room_size)
    redis_busy = posts * cost.redis_us * receivers / 1e6
    return Plan(
        sockets=round(sockets),
        posts_per_second=posts,
        deliveries_per_second=deliveries,
        instances=instances,
        memory_gb=sockets * cost.socket_kb / 1e6,
        shards=math.ceil(redis_busy / assumed.filled),
        databases=posts / cost.posts_per_second / assumed.filled,
    )
