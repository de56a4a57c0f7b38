"""The open sockets of a room form a group; what is sent to the group reaches all of them.

A channel on a layer of its own leads to the bot: what is sent there is a job for a worker process.
"""

from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer

from .models import Message

BOT = "the bot"


def room_group_name(room_name):
    return f"chat_{room_name}"


async def send_to_room(message):
    """Hand a stored message to the consumers of its room; their `chat_message` is called."""
    event = {"type": "chat.message", "message": message.as_event()}
    await get_channel_layer().group_send(room_group_name(message.room_name), event)
    if message.text.startswith("/"):
        await give_to_bot(message)


async def give_to_bot(message):
    """Leave a job for a worker. It waits in Redis until one takes it, but only for 60 seconds."""
    job = {
        "type": "bot.command",
        "room_name": message.room_name,
        "author": message.author,
        "text": message.text,
    }
    try:
        await get_channel_layer("jobs").send("bot", job)
    except ChannelFull:
        # 100 jobs wait already. The user must not believe that this one is under way.
        await say_as_bot(message.room_name, "I have too much to do. Is there a worker at all?")


async def say_as_bot(room_name, text):
    await send_to_room(await Message.objects.acreate(room_name=room_name, author=BOT, text=text))
