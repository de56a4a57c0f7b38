"""A conversation of twenty people, and what is done to it while it goes on.

Each fault is a coroutine that does the harm, and undoes it; it is given the Harm it is a part of.
"""

import asyncio
import contextlib
import itertools
import json
import random
import signal
import socket
import sqlite3
import statistics
import sys
import time
import uuid
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

import httpx
import psutil
import psycopg
import redis.asyncio

from chatflow.basics.addresses import HOST, NO_TLS
from chatflow.clients.guests import Guest
from chatflow.clients.sockets import connect
from chatflow.probing.people import new_room
from final.helpers import in_database
from helpers.resume import stored

FLOODER = Path(__file__).with_name("flooder.py")
PEOPLE = 20
# Each writes about so often: twenty messages a second, each of which ten people hear.
SECONDS_BETWEEN_POSTS = 1
TEXT_LENGTH = 64
# Of history: events that fill a page, of 64 kB; how many pages a socket may ask for at once; how
# many somebody wants, and how many seconds lie between the others.
A_PAGE, AT_ONCE, QUESTIONS, A_MOMENT = 30, 50, 80, 0.06
# A fault that is over at once is watched for so long.
A_WHILE = 1
# Whatever has to come again or to go away is given so long, however slow the machine.
PATIENCE = 60
LOOK_SECONDS = 0.1


class Conversation:
    """Twenty people in two rooms, over all instances, who write steadily while `is_talking` is set.

    What hits one client or one room hits the room `hit`; the `other` is to notice nothing.
    """

    def __init__(self, run, sessions, text_length=TEXT_LENGTH):
        self.run, self.text_length = run, text_length
        self.hit, self.other = new_room(), new_room()
        self.guests = [self.guest(*each) for each in enumerate(sessions)]
        self.is_talking = False
        self.written = defaultdict(set)
        # {"calm" or "fault": seconds from writing to each hearing}, in the other room.
        self.phase, self.since, self.waits = "calm", {}, defaultdict(list)

    def guest(self, number, session):
        room_name = self.hit if number < PEOPLE / 2 else self.other
        first = number % len(self.run.instances)
        instances = self.run.instances[first:] + self.run.instances[:first]
        return Guest(instances, room_name, session, self.note_wait)

    @contextlib.asynccontextmanager
    async def going_on(self):
        """For the length of the block everybody is there."""
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            for guest in self.guests:
                await stack.enter_async_context(guest)
            talking = [tasks.create_task(self.talk(guest)) for guest in self.guests]
            await self.until_all_agree()
            yield
            for task in talking:
                task.cancel()

    async def talk(self, guest):
        for number in itertools.count():
            await asyncio.sleep(2 * SECONDS_BETWEEN_POSTS * random.random())
            if not self.is_talking:
                continue  # nobody begins anything while the others are judged
            client_id = str(uuid.uuid4())
            self.since[client_id] = self.phase, time.perf_counter()
            self.written[guest.room_name].add(client_id)
            await guest.write(f"message {number} ".ljust(self.text_length, "."), client_id)

    def note_wait(self, guest, event):
        if guest.room_name == self.other:
            phase, since = self.since[event["client_id"]]
            self.waits[phase].append(time.perf_counter() - since)

    def begin(self, phase):
        self.phase = phase
        self.is_talking = True

    async def come_together(self):
        """Let everybody finish; returns how many seconds it takes until all have everything."""
        self.is_talking = False
        began = time.perf_counter()
        await self.until_all_agree()
        return time.perf_counter() - began

    def others_p99(self):
        """That of the other room during the faults, as a multiple of that without them."""
        calm, fault = (
            statistics.quantiles(self.waits[phase], n=100)[98] for phase in ("calm", "fault")
        )
        return fault / calm

    # --- judging --------------------------------------------------------------------------------

    async def until_all_agree(self):
        """Return when nothing waits to be sent, and everybody has what is stored."""
        await eventually(lambda: not self.who_does_not(), self.who_does_not)

    def who_does_not(self):
        newest = {name: newest_seq(self.run, name) for name in (self.hit, self.other)}
        return [
            f"{number}: has {guest.seq} of {newest[guest.room_name]}, {len(guest.outbox)} unsent"
            for number, guest in enumerate(self.guests)
            if not guest.is_there() or guest.outbox or guest.seq != newest[guest.room_name]
        ]

    def judge(self):
        """What was lost, and what came twice, over all that has been said so far."""
        lost = twice = messages = 0
        for room_name in (self.hit, self.other):
            events = stored(self.run, room_name)
            ids = Counter(event["client_id"] for event in events)
            messages += len(events)
            lost += len(self.written[room_name] - set(ids))
            twice += sum(ids.values()) - len(ids)
            for guest in (each for each in self.guests if each.room_name == room_name):
                assert not guest.errors, "nobody is refused anything for good"
                lost += len({*range(1, len(events) + 1)} - {one["seq"] for one in guest.heard})
                twice += guest.repeated
                if not lost and not twice:
                    assert guest.heard == events, "all is heard as it is stored, in its order"
        return {"messages": messages, "lost": lost, "twice": twice}


def newest_seq(run, room_name):
    """The number of a room's newest event, past the stage's own code."""
    question = "SELECT max(seq) FROM chat_message WHERE room_name = ?"
    [(newest,)] = in_database(run, question, room_name)
    return newest or 0


async def eventually(question, explain, look_seconds=LOOK_SECONDS):
    """Ask again and again, until the answer is yes; returns it. Nothing tells when it is."""
    give_up_at = time.monotonic() + PATIENCE
    # In a thread, so that asking does not hold up those whose time is taken.
    while not (answer := await asyncio.to_thread(question)):
        assert time.monotonic() < give_up_at, f"{PATIENCE} s were not enough: {explain()}"
        await asyncio.sleep(look_seconds)
    return answer


# --- what is done -------------------------------------------------------------------------------


class Harm:
    """What a fault gets: the chat, the people in it, and the session of one more, who misbehaves.

    `cycle` counts up, so that each time it is another instance's turn. `ends` are the close codes
    of the misbehaving sockets; `flood_seconds` says how long somebody floods.
    """

    def __init__(self, run, conversation, session, flood_seconds=5):
        self.flood_seconds = flood_seconds
        self.run, self.conversation, self.session = run, conversation, session
        self.room_name = conversation.hit
        self.cycle, self.ends = 0, Counter()

    @property
    def redis(self):
        return self.run.redis[0]

    @property
    def instance(self):
        return self.run.instances[self.cycle % len(self.run.instances)]

    def socket(self, instance, **options):
        # A ping of ours would find out what the server has to find out.
        return connect(
            instance, self.room_name, session=self.session, ping_interval=None, **options
        )


async def redis_is_restarted(harm):
    await asyncio.to_thread(harm.redis.stop)  # it saves nothing
    await asyncio.sleep(A_WHILE)
    await asyncio.to_thread(harm.redis.restart)


async def redis_is_emptied(harm):
    async with redis.asyncio.Redis.from_url(harm.redis.url) as client:
        await client.flushall()
    await asyncio.sleep(A_WHILE)


async def redis_hangs(harm):
    harm.redis.freeze()
    try:
        await asyncio.sleep(8)
    finally:
        harm.redis.thaw()


async def instance_is_killed(harm):
    await asyncio.to_thread(harm.instance.kill)
    await asyncio.sleep(A_WHILE)
    await asyncio.to_thread(harm.instance.start)


async def all_are_restarted(harm):
    for instance in harm.run.instances:
        # Had it not ended by itself, in the ten seconds that it has, it would have been killed.
        assert await asyncio.to_thread(instance.program.stop) in (0, -signal.SIGTERM)
        await asyncio.to_thread(instance.start)


async def database_is_locked(harm):
    with contextlib.closing(sqlite3.connect(harm.run.database, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")  # waits for its turn, five seconds at most
        await asyncio.sleep(2)


async def room_is_locked(harm):
    """As when a transaction of somebody else's is slow; on PostgreSQL it locks a row, not all."""
    question = "SELECT * FROM chat_room WHERE name = %s FOR UPDATE"
    async with await psycopg.AsyncConnection.connect(harm.run.database) as database:
        await database.execute(question, [harm.room_name])
        await asyncio.sleep(2)


async def reader_stops(harm, server):
    """Somebody asks for five megabytes, and takes none: more than the kernel keeps for them."""
    instance = harm.run.instances[harm.run.servers.index(server)]
    await eventually(
        lambda: newest_seq(harm.run, harm.room_name) >= A_PAGE, lambda: "too little is said here"
    )
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((HOST, instance.port))
    async with harm.socket(instance, sock=sock, max_queue=1) as reader:
        for number in range(QUESTIONS):
            await asyncio.sleep(0 if number < AT_ONCE else A_MOMENT)
            await reader.send(json.dumps({"type": "history", "after": 0}))
        code = await until_let_go(harm, instance, reader)
    # Daphne takes whatever it is given, so only an unanswered ping tells.
    assert code == {"daphne": 1006, "uvicorn": 4408}[server], f"{server} has noted {code}"


def reader_of(server):
    return partial(reader_stops, server=server)


async def client_vanishes(harm):
    """A phone without network: it says nothing any more, and answers no ping."""
    async with harm.socket(harm.instance) as phone:
        phone.transport.pause_reading()
        # Both say that no close frame came, each in its way.
        assert await until_let_go(harm, harm.instance, phone) in (1005, 1006)


async def until_let_go(harm, instance, client):
    """Return when the server has ended a connection whose client takes no notice of anything.

    With the close code that the server has noted: the client itself cannot hear of it.
    """
    before = len(noted_ends(instance, harm.room_name))
    address = client.local_address
    await eventually(
        lambda: address not in {one.raddr for one in connections(instance)},
        lambda: f"{instance.title} holds the connection of somebody who is gone",
        look_seconds=1,
    )
    client.transport.abort()
    [code] = await eventually(
        lambda: noted_ends(instance, harm.room_name)[before:],
        lambda: f"{instance.title} has not noted that somebody is gone",
    )
    harm.ends[code] += 1
    return code


def noted_ends(instance, room_name):
    """The close codes of a room's sockets that an instance has logged since its start."""
    lines = instance.program.said().rpartition("\n")[0].splitlines()
    closings = [json.loads(line) for line in lines if "Socket closed" in line]
    return [line["close_code"] for line in closings if line["room"] == room_name]


def connections(instance):
    """The connections that an instance has with its clients."""
    found = psutil.Process(instance.program.pid).net_connections("tcp")
    return [one for one in found if one.laddr.port == instance.port and one.raddr]


async def flood(harm):
    """Post as fast as the server reads, for some seconds; come back after each closing."""
    instance = harm.instance
    url = f"{instance.ws_url}/ws/chat/{harm.room_name}/"
    words = [FLOODER, url, instance.url, harm.session, str(harm.flood_seconds)]
    flooder = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    codes = json.loads((await flooder.communicate())[0])
    # A client that writes without a pause may be cut off before the close frame has reached them.
    assert set(codes) <= {4429, 1006}
    harm.ends.update(codes)


async def all_come_back_at_once(harm):
    for guest in harm.conversation.guests:
        guest.drop()
    await asyncio.sleep(A_WHILE)


async def clock_is_wrong(harm):
    """By two minutes, forwards and backwards in turn."""
    await inside(harm.instance, clock=120 if harm.cycle % 2 else -120)
    await asyncio.sleep(2)
    await inside(harm.instance, clock=0)


async def inside(instance, **wanted):
    """What a process knows of itself; see `overlay/faulty_urls.py`."""
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        answer = await http.get(f"{instance.url}/inside", params=wanted, timeout=PATIENCE)
    return answer.raise_for_status().json()
