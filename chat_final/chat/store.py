"""What consumers and views ask of the database. Each function first checks whether the user may.

Nothing is remembered of a login: whether it is still valid is asked each time.
"""

from django.db import IntegrityError, transaction

from . import metrics
from .access import check_may_read, check_may_write
from .frames import Refusal, TooFast
from .models import Allowance, Message, Room


@metrics.STORE_SECONDS.time()
def post(login, room_name, author, client_id, text):
    """Store a message; returns it, and whether it is new. If it is refused, nothing is stored."""
    is_private = check_may_write(login, room_name)
    if is_private is None and (other := Room.namesake(room_name)):
        raise Refusal("other_case", f"There is a room {other} already: write there.")
    names = {"room_name": room_name, "user_id": login.user_id, "client_id": client_id}
    try:
        with transaction.atomic():
            message = Message.objects.create(**names, author=author, text=text)
            if is_private and message.seq == 1:
                # If the room has been deleted meanwhile, this would begin a public one.
                check_may_read(login._replace(was_private=True), room_name)
            # Only now, when the room is ours: a post that has to wait must not hold up other posts
            # of the user.
            if not Allowance.spend(login.user_id):
                raise TooFast
    except IntegrityError:
        if message := Message.objects.filter(**names).first():
            return message, False  # sent again, in doubt: it is stored already
        raise
    metrics.MESSAGES.inc()
    return message, True


def delete(login, room_name, message_id):
    """Delete a message of one's own; returns the event that tells it, and whether it is new."""
    check_may_read(login, room_name)
    own = Message.objects.filter(room_name=room_name, user=login.user_id, deletes=None)
    if message := own.filter(pk=message_id).first():
        return message.delete_text(by=login)
    raise Refusal("not_yours", "You have written no such message in this room.")


def history(login, room_name, limit, after=None, before=None):
    """A page of a room, in order: the events after a seq, or the last messages before it."""
    check_may_read(login, room_name)
    page, seq = (Message.after, after) if before is None else (Message.before, before)
    return [message.as_event() for message in page(room_name, seq, limit)]
