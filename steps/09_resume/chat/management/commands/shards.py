"""Show the sharding: which Redis server keeps the group of which room."""

from channels.layers import get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.groups import room_group_name


class Command(BaseCommand):
    help = "Print the Redis server that each ROOM's group is on."

    def add_arguments(self, parser):
        parser.add_argument("room_names", metavar="ROOM", nargs="+")

    def handle(self, room_names, **options):
        layer = get_channel_layer()
        if not isinstance(layer, RedisChannelLayer):
            raise CommandError("Only the queue layer can be asked: unset REDIS_LAYER.")
        for room_name in room_names:
            shard = layer.consistent_hash(room_group_name(room_name))
            self.stdout.write(f"{room_name} {settings.REDIS_SERVERS[shard]}")
