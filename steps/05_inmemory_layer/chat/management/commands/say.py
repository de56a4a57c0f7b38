"""Sending from outside any consumer, and from outside the server's process too."""

import re

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError

from chat.converters import RoomNameConverter
from chat.forms import MessageForm
from chat.groups import send_to_room
from chat.models import Message


class Command(BaseCommand):
    help = "Store TEXT as a message in ROOM, and send it to the room's open sockets."

    def add_arguments(self, parser):
        parser.add_argument("room_name", metavar="ROOM")
        parser.add_argument("text", metavar="TEXT")
        # With a space in it, so that from stage 08 on it is nobody's user name.
        parser.add_argument("--author", default="manage.py say", help="who says it")

    def handle(self, room_name, text, author, **options):
        if not re.fullmatch(RoomNameConverter.regex, room_name):
            raise CommandError("A room name has 1 to 50 letters (A-Z, a-z), digits, - or _.")
        fields = {"author": author, "text": text}
        form = MessageForm(fields, instance=Message(room_name=room_name))
        if not form.is_valid():
            raise CommandError(" ".join(e for errors in form.errors.values() for e in errors))
        message = form.save()
        async_to_sync(send_to_room)(message)
        self.stdout.write(f"Message {message.id} is stored, and was sent to the room's group.")
