"""The open sockets of a room form a group; what is sent to the group reaches all of them."""

from channels.layers import get_channel_layer


def room_group_name(room_name):
    return f"chat_{room_name}"


async def send_to_room(message):
    """Hand a stored message to the consumers of its room; their `chat_message` is called."""
    event = {"type": "chat.message", "message": message.as_event()}
    await get_channel_layer().group_send(room_group_name(message.room_name), event)
