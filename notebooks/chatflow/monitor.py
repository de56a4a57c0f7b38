"""Reads what a Redis server is told, by its own MONITOR, into a file beside the hops."""

import json
import threading
import time
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


@dataclass(frozen=True)
class Command:
    """One command as MONITOR shows it. `client` is the address of the connection it came by.

    `inside`: a Lua script ran it, within the server. `at` is in ns of `time.monotonic_ns()`.
    """

    at: int
    server: str
    client: str
    words: str
    inside: bool


class Monitor:
    """Follows one Redis server, in a thread, until that server ends."""

    def __init__(self, server, name, folder):
        self.name = name
        self.path = folder / f"{name}.commands"
        # MONITOR tells the time of day; this is how far the hops' clock lies from it.
        self.offset = time.monotonic_ns() - time.time_ns()
        self.client = redis.Redis("127.0.0.1", server.port, retry=Retry(NoBackoff(), 0))
        self.monitor = self.client.monitor().__enter__()  # from here on nothing is missed
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        with self.client, self.path.open("a") as file:
            try:
                for command in self.monitor.listen():
                    file.write(json.dumps(self.record(command)) + "\n")
                    file.flush()
            except redis.ConnectionError:
                return  # the server has ended, and so have we

    def record(self, command):
        return {
            "at": int(command["time"] * 1e9) + self.offset,
            "server": self.name,
            "client": f"{command['client_address']}:{command['client_port']}",
            "words": command["command"],
            "inside": command["client_type"] == "lua",
        }
