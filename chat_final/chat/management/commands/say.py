"""Sending from outside any consumer, and from outside the server's process too."""

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError

from chat.forms import MessageForm, RoomForm
from chat.hub import announce
from chat.models import Message, Room


class Command(BaseCommand):
    help = "Store TEXT as a message in ROOM, and send it to the room's open sockets."

    def add_arguments(self, parser):
        parser.add_argument("room_name", metavar="ROOM")
        parser.add_argument("text", metavar="TEXT")
        parser.add_argument("--author", default="say", help="who says it (default: say)")

    def handle(self, room_name, text, author, **options):
        form = MessageForm({"author": author, "text": text}, instance=Message(room_name=room_name))
        found = {**RoomForm({"room_name": room_name}).errors, **form.errors}
        if found:
            raise CommandError(" ".join(e for errors in found.values() for e in errors))
        if other := Room.namesake(room_name):
            raise CommandError(f"There is a room {other} already: write there.")
        message = form.save()
        async_to_sync(announce)(message)
        self.stdout.write(f"Message {message.id} is stored, and was sent to the room's group.")
