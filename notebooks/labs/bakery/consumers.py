"""Who hears of the cakes, and the worker of Channels that bakes them."""

import json

from channels.consumer import SyncConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from .tasks import bake


class Customer(AsyncWebsocketConsumer):
    groups = ["customers"]

    async def cake_ready(self, event):
        await self.send(json.dumps({"ready": event["cake"]}))


class Baker(SyncConsumer):
    def bake(self, job):
        bake(job["cake"])
