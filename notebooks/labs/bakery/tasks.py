"""One job, `bake`, and five ways to give it to somebody."""

from importlib import import_module

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings

from .celery import app
from .models import Order

BAKING_SECONDS = 2

task = import_module(settings.TASKS_MODULE).task
kitchen = redis.Redis.from_url(settings.REDIS, decode_responses=True)


def note(cake, what):
    """Write down what happens to a cake, in one list for all processes."""
    kitchen.rpush(f"story of {cake}", what)


def bake(cake):
    is_ordered = Order.objects.filter(cake=cake).exists()
    note(cake, "begun" if is_ordered else "begun, no such order")
    kitchen.rpush(f"begun {cake}", "")
    # It bakes until somebody takes it out.
    kitchen.blpop(f"take out {cake}", BAKING_SECONDS)
    note(cake, "baked")
    ready = {"type": "cake.ready", "cake": cake}
    async_to_sync(get_channel_layer().group_send)("customers", ready)


@task()
def bake_as_task(cake):
    bake(cake)


@app.task
def bake_by_celery(cake):
    bake(cake)


@app.task(acks_late=True)
def bake_and_confirm(cake):
    bake(cake)


def give_to_channels(cake):
    async_to_sync(get_channel_layer().send)("oven", {"type": "bake", "cake": cake})


in_database = bake_as_task.using(backend="database")
WAYS = {
    "channels": give_to_channels,
    "immediate": bake_as_task.enqueue,
    "database": in_database.enqueue,
    "celery": bake_by_celery.delay,
    "acks_late": bake_and_confirm.delay,
}
# What can be known of a job by its id.
STATES = {
    "database": lambda job: in_database.get_result(job).status,
    "celery": lambda job: app.AsyncResult(job).state,
    "acks_late": lambda job: app.AsyncResult(job).state,
}
