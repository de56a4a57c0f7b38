"""What consumers and views ask of the database. Each function looks first whether the user may.

`user` is a query for one user, as `access` makes it: asked at that moment, and not remembered.
"""

from django.db import transaction

from . import metrics
from .access import check_may_read, check_may_write
from .frames import Refusal, TooFast
from .models import Allowance, Message


@metrics.STORE_SECONDS.time()
def post(user, room_name, author, client_id, text):
    """Store a message; returns it, and whether it is new. If it is refused, nothing is stored."""
    user_id = check_may_write(user, room_name)
    with transaction.atomic():
        message, is_new = Message.objects.get_or_create(
            room_name=room_name, author=author, client_id=client_id, defaults={"text": text}
        )
        # Only now, when the room is ours: one that is held up must not hold up the user's others.
        if is_new and not Allowance.spend(user_id):
            raise TooFast
    if is_new:
        metrics.MESSAGES.inc()
    return message, is_new


def delete(user, room_name, author, message_id):
    """Delete a message of one's own; returns the event that tells it, and whether it is new."""
    check_may_read(user, room_name)
    own = Message.objects.filter(room_name=room_name, author=author, deletes=None)
    if message := own.filter(pk=message_id).first():
        return message.delete_text(by=author)
    raise Refusal("not_yours", "You have written no such message in this room.")


def history(user, room_name, limit, after=None, before=None):
    """A page of a room's events, in order: what came after a seq, or the last before it."""
    check_may_read(user, room_name)
    if before is None:
        page = Message.after(room_name, after, limit)
    else:
        page = Message.before(room_name, before, limit)
    return [message.as_event() for message in page]
