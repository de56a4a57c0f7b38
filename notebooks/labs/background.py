"""Notebook 15: orders for the bakery, whose jobs are done in five ways; and a worker that dies."""

import asyncio
import contextlib
import json
import sys

import httpx
import websockets

from chatflow.basics.addresses import NO_TLS
from chatflow.running import redis_server
from chatflow.running.environment import clean_environment
from chatflow.running.instances import Worker
from chatflow.running.labs import LABS, lab
from chatflow.running.processes import Program, RunFolder, run_to_end

DJANGO = [sys.executable, "-m", "django"]
SOON = ["--interval=0.1", "--no-startup-delay"]
ALONE = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
WORKERS = {
    "channels": [*DJANGO, "runworker", "oven"],
    "celery": [sys.executable, "-m", "celery", "-A", "bakery", "worker", "--concurrency=2", *ALONE],
    "database": [*DJANGO, "db_worker", "--backend=database", *SOON],
}
# The ways whose jobs a worker does. Those of "immediate" are done by the request itself.
BY_WORKERS = ["channels", "database", "celery", "acks_late"]
WAYS = {
    "channels": "worker of Channels",
    "immediate": "tasks, immediate",
    "database": "tasks, database",
    "celery": "Celery",
    "acks_late": "Celery, `acks_late`",
}
LOOK_SECONDS, WAIT_SECONDS = 0.02, 30


class Bakery:
    """The site, its Redis, its workers, and what happens to each cake."""

    def __init__(self, site, kitchen, workers):
        self.site, self.kitchen, self.workers = site, kitchen, workers
        self.http = httpx.AsyncClient(verify=NO_TLS, base_url=site.url, timeout=WAIT_SECONDS)

    async def order(self, way, cake, **query):
        """Order a cake; returns the id of the job, if it has any."""
        answer = await self.http.post(f"/order/{way}/{cake}/", params=query)
        self.kitchen.rpush(f"story of {cake}", "answered")
        return answer.raise_for_status().text

    async def state(self, way, job):
        return (await self.http.get(f"/state/{way}/{job}/")).raise_for_status().text

    def take_out(self, cake):
        self.kitchen.rpush(f"take out {cake}", "", "")

    def story(self, cake):
        return self.kitchen.lrange(f"story of {cake}", 0, -1)

    async def until(self, cake, what):
        """Return when this has happened to the cake. Raises TimeoutError."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                if any(word.startswith(what) for word in self.story(cake)):
                    return
                await asyncio.sleep(LOOK_SECONDS)


@contextlib.asynccontextmanager
async def bakery():
    """Open the bakery for the length of an `async with` block; yields a Bakery."""
    with contextlib.closing(RunFolder("bakery")) as files:
        redis = await asyncio.to_thread(redis_server.start, files)
        facts = {"DJANGO_SETTINGS_MODULE": "bakery.settings", "BAKERY_REDIS": redis.url}
        facts["BAKERY_DATABASE"] = str(files.path / "bakery.sqlite3")
        workers = await asyncio.to_thread(employ, files, clean_environment() | facts)
        async with lab("bakery/site", server="daphne", environment=facts) as site:
            with redis.connect(decode_responses=True) as kitchen:
                shop = Bakery(site, kitchen, workers)
                async with shop.http:
                    yield shop


def employ(files, env):
    """Start the workers; the last one needs the tables, which are made meanwhile."""
    first, second = (worker(name, files, env) for name in ("channels", "celery"))
    words = [*DJANGO, "migrate", "--run-syncdb"]
    done = run_to_end(words, folder=files, within=WAIT_SECONDS, cwd=LABS, env=env)
    assert done.returncode == 0, done.stderr
    third = worker("database", files, env)
    for each in (first, second):
        each.wait_until_ready()
    return [first, second, third]


class DatabaseWorker(Worker):
    """It connects to nothing: its jobs wait in a table, so they may come before it is ready."""

    def is_connected(self):
        return True


def worker(name, files, env):
    def start():
        log = files.path / f"{name}.log"
        return Program(WORKERS[name], folder=files, log=log, cwd=LABS, env=env)

    kind = DatabaseWorker if name == "database" else Worker
    return kind(f"The worker for {WAYS[name]}", start)


# --- experiments --------------------------------------------------------------------------------


async def beside_each_other():
    """{way: {question: what was seen}}: the same orders, given in each way."""
    async with bakery() as shop, websockets.connect(f"{shop.site.ws_url}/ws/") as bob:
        hearing = asyncio.create_task(hear(bob, heard := set()))
        try:
            for way in WAYS:
                await order_two(shop, way)
            jobs = await kill_the_workers(shop)
            return {title: await cells(shop, way, jobs, heard) for way, title in WAYS.items()}
        finally:
            hearing.cancel()


async def hear(socket, cakes):
    async for message in socket:
        cakes.add(json.loads(message)["ready"])


async def order_two(shop, way):
    """One cake as it should be; and one whose order is rolled back."""
    await shop.order(way, f"{way} cake")
    shop.take_out(f"{way} cake")
    await shop.until(f"{way} cake", "baked")
    shop.take_out(f"{way} unordered")
    await shop.order(way, f"{way} unordered", fails=1)


async def kill_the_workers(shop):
    """Each has begun a job when it is killed. Returns the jobs when new ones have done others."""
    given = await asyncio.gather(*(shop.order(way, f"{way} half") for way in BY_WORKERS))
    for way in BY_WORKERS:
        await shop.until(f"{way} half", "begun")
    for each in shop.workers:
        each.kill()
    await asyncio.gather(*(asyncio.to_thread(each.start) for each in shop.workers))
    for way in BY_WORKERS:
        shop.take_out(f"{way} half")
        shop.take_out(f"{way} next")
    await asyncio.gather(*(shop.order(way, f"{way} next") for way in BY_WORKERS))
    for way in BY_WORKERS:
        await shop.until(f"{way} next", "baked")
    # If anybody does a job again, Celery does by now.
    await shop.until("acks_late half", "baked")
    return dict(zip(BY_WORKERS, given, strict=True))


async def cells(shop, way, jobs, heard):
    """The column of the table for one way."""
    cake, unordered, half = (shop.story(f"{way} {name}") for name in ("cake", "unordered", "half"))
    begun = next(word for word in cake if word.startswith("begun"))
    early = cake.index(begun) < cake.index("committed")
    redone = "done again" if "baked" in half else "lost"
    return {
        "the request …": "waits" if cake.index("baked") < cake.index("answered") else "goes on",
        "the job begins …": "before the commit" if early else "after the commit",
        "… and sees the order": "no" if begun != "begun" else "yes",
        "its order is rolled back": "done anyway" if "baked" in unordered else "never begun",
        "group_send to Bob": "arrives" if f"{way} cake" in heard else "nothing",
        "its worker is killed": redone if way in jobs else "–",
        "what is known of it then": await shop.state(way, jobs[way]) if jobs.get(way) else "–",
    }
