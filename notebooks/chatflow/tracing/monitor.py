"""Reads what a Redis server is told, by its own MONITOR, into a file next to the hops."""

import itertools
import json
import threading
import time

import redis

# A server that does not answer for so long tells us nothing more: it has ended, or is frozen.
ANSWER_SECONDS = 3


class Monitor:
    """Follows one Redis server, in a thread, until that server ends."""

    def __init__(self, server, folder):
        self.name = server.name
        self.path = folder / f"{self.name}.commands"
        # MONITOR tells the time of day.
        self.offset = clock_offset()
        self.monitor = server.connect().monitor().__enter__()  # from here on nothing is missed
        self.asking = server.connect(socket_timeout=ANSWER_SECONDS)
        self.marks, self.seen, self.ended = itertools.count(1), 0, False
        self.news = threading.Condition()
        self.introduce()
        threading.Thread(target=self.follow, daemon=True).start()

    def introduce(self):
        """Write down as commands who is connected already: after a restart, some come before us."""
        named = [client for client in self.asking.client_list() if client["name"]]
        with self.path.open("a") as file:
            for client in named:
                who = {"client": client["addr"], "words": f"CLIENT SETNAME {client['name']}"}
                now = {"at": time.monotonic_ns(), "server": self.name, "inside": False}
                file.write(json.dumps(now | who) + "\n")

    def follow(self):
        with self.path.open("a") as file:
            try:
                for command in self.monitor.listen():
                    self.keep(command, file)
            except redis.ConnectionError:
                self.tell(ended=True)  # the server has ended, and so have we

    def keep(self, command, file):
        if command["command"].startswith(f"ECHO {self.mark_of('')}"):
            self.tell(seen=int(command["command"].rpartition("-")[2]))
        else:
            file.write(json.dumps(self.record(command)) + "\n")
            file.flush()

    def tell(self, seen=0, ended=False):
        with self.news:
            self.seen, self.ended = max(self.seen, seen), ended
            self.news.notify_all()

    def mark_of(self, number):
        return f"{self.name}-mark-{number}"

    def catch_up(self):
        """Wait until all that the server has been told up to now is in the file."""
        # MONITOR keeps the order: when it shows this command, it has shown all before it.
        number = next(self.marks)
        try:
            self.asking.echo(self.mark_of(number))
        except redis.TimeoutError:
            return  # it is frozen, and tells nothing more
        except redis.ConnectionError:
            pass  # it has ended, and what it told before that may still be under way
        with self.news:
            self.news.wait_for(lambda: self.seen >= number or self.ended, ANSWER_SECONDS)

    def record(self, command):
        return {
            "at": int(command["time"] * 1e9) + self.offset,
            "server": self.name,
            "client": f"{command['client_address']}:{command['client_port']}",
            "words": command["command"],
            "inside": command["client_type"] == "lua",
        }


def clock_offset(times=20):
    """How far the hops' clock lies from the time of day, in ns: by the closest of many looks."""
    # Between two looks at clocks we may have had to wait for the processor.
    looks = [(time.monotonic_ns(), time.time_ns(), time.monotonic_ns()) for _ in range(times)]
    before, wall, after = min(looks, key=lambda look: look[2] - look[0])
    return (before + after) // 2 - wall
