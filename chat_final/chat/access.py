"""Who may be in a room, and for how long: a socket may outlive what let it in.

So the database is asked again for each frame, and for all open sockets every few seconds.
"""

from typing import NamedTuple

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from .database import first_row
from .frames import Refusal
from .models import Member, Room

LOGGED_OUT, NOT_ALLOWED = 4401, 4403

User = get_user_model()
# Asked for each frame: nothing is found once the login has ended.
WHO_IN_ROOM = f"""
    SELECT member.status, room.is_private FROM {User._meta.db_table} AS person
    JOIN django_session AS session ON session.session_key = %(session_key)s
    LEFT JOIN chat_room AS room ON room.name = %(room_name)s
    LEFT JOIN chat_member AS member ON member.room_id = room.name AND member.user_id = person.id
    WHERE person.id = %(user_id)s AND person.username = %(name)s
    AND person.password = %(password)s AND person.is_active
    AND session.expire_date > CURRENT_TIMESTAMP
"""


class Ended(PermissionDenied):
    """The user may not stay: `close_code` closes the socket, and says why; a page is a 403."""

    def __init__(self, close_code):
        super().__init__(close_code)
        self.close_code = close_code


class Login(NamedTuple):
    """Whose socket it is: a session, the user in it, and the hash that a new password changes."""

    session_key: str
    user_id: int
    name: str
    password: str
    # Whether the room was private: after its deletion, a new room of that name is not theirs.
    was_private: bool = False


def find_login(session_key):
    """The login of a session cookie. Raises Ended if there is none."""
    # Read only. Django's own get_user() may give the session a new key, and no socket can pass
    # that on to the browser.
    session = SessionStore(session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if not user:
        raise Ended(LOGGED_OUT)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    if not any(constant_time_compare(session.get(HASH_SESSION_KEY, ""), each) for each in hashes):
        raise Ended(LOGGED_OUT)
    return Login(session_key, user.pk, user.get_username(), user.password)


def login_of(request):
    """The login of a page, whose session Django has looked at."""
    user = request.user
    return Login(request.session.session_key, user.pk, user.get_username(), user.password)


def may_read(status, is_private):
    """Whether a Member's status lets them into a room; None is that of everybody else."""
    return status != Member.BANNED and (status is not None or not is_private)


def check_may_read(login, room_name):
    """(status of a login's user, whether the room is private); each may be None. Raises Ended."""
    row = first_row(WHO_IN_ROOM, {**login._asdict(), "room_name": room_name})
    if not row:
        raise Ended(LOGGED_OUT)
    if not may_read(row[0], row[1] or login.was_private):
        raise Ended(NOT_ALLOWED)
    return row


def check_may_write(login, room_name):
    """Whether the room is private. Raises Ended, or Refusal if the login's user may only read."""
    status, is_private = check_may_read(login, room_name)
    if status == Member.MUTED:
        raise Refusal("muted", "You are muted in this room: you may read, but not write.")
    return is_private


def find_ended(sockets):
    """[(socket, close code)] of those that may not stay, in four questions for any number."""
    names = {socket.room_name for socket in sockets}
    sessions = Session.objects.filter(session_key__in={each.login.session_key for each in sockets})
    open_sessions = sessions.filter(expire_date__gt=timezone.now())
    keys = set(open_sessions.values_list("session_key", flat=True))
    users = User.objects.filter(pk__in={socket.login.user_id for socket in sockets}, is_active=True)
    people = {row[0]: row for row in users.values_list("pk", "username", "password")}
    rooms = Room.objects.filter(name__in=names, is_private=True)
    private = set(rooms.values_list("name", flat=True))
    members = Member.objects.filter(room__in=names, user__in=people)
    statuses = {row[:2]: row[2] for row in members.values_list("room", "user", "status")}
    ended = []
    for socket in sockets:
        login, room_name = socket.login, socket.room_name
        needs_status = room_name in private or login.was_private
        if login.session_key not in keys or people.get(login.user_id) != login[1:4]:
            ended.append((socket, LOGGED_OUT))
        elif not may_read(statuses.get((room_name, login.user_id)), needs_status):
            ended.append((socket, NOT_ALLOWED))
    return ended
