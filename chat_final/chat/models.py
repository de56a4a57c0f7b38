import uuid

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q, UniqueConstraint

from .converters import LONGEST_NAME, check_room_name
from .database import first_row

# A room's next number; others wait for theirs until the transaction ends. It writes without reading
# first: after a read, SQLite would refuse the write while somebody else is writing.
COUNT_UP = """
    INSERT INTO chat_room (name, last_seq, is_private) VALUES (%s, 1, false)
    ON CONFLICT (name) DO UPDATE SET last_seq = chat_room.last_seq + 1 RETURNING last_seq
"""
# A token of a user's bucket, if it has one.
SPEND = """
    INSERT INTO chat_allowance AS bucket (user_id, spent_until)
    VALUES (%(user)s, {now} + %(token)s)
    ON CONFLICT (user_id) DO UPDATE SET spent_until = %(token)s +
        CASE WHEN bucket.spent_until < {now} THEN {now} ELSE bucket.spent_until END
    WHERE bucket.spent_until <= {now} + %(ahead)s RETURNING spent_until
"""
# The database's clock, in seconds since 1970: those of the instances may differ.
NOW = {
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())",
    "sqlite": "(julianday('now') - 2440587.5) * 86400",
}


class Room(models.Model):
    name = models.CharField(max_length=50, primary_key=True, validators=[check_room_name])
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    is_private = models.BooleanField(default=False, help_text="Only members may come in.")

    def __str__(self):
        return self.name

    @classmethod
    def newest_seqs(cls, names):
        """{name: seq of its newest event} of those rooms that have one."""
        return dict(cls.objects.filter(name__in=names).values_list("name", "last_seq"))

    @classmethod
    def namesake(cls, name):
        """The name of a room that differs from this one by case only, if none has just this one."""
        names = list(cls.objects.filter(name__iexact=name).values_list("name", flat=True))
        return None if name in names else min(names, default=None)

    @classmethod
    def begin_private(cls, name, user):
        """A new room, of which the user is the first member; None if the name is taken."""
        if cls.namesake(name):
            return None
        with transaction.atomic():
            room, is_new = cls.objects.get_or_create(name=name, defaults={"is_private": True})
            if is_new:
                Member.objects.create(room=room, user=user)
        # If it is theirs already, the form was perhaps sent twice.
        is_theirs = room.member_set.filter(user=user, status=Member.MEMBER).exists()
        return room if room.is_private and is_theirs else None

    def delete(self, **options):
        # The messages know the room only by its name. A post that comes now has to wait.
        with transaction.atomic():
            Room.objects.select_for_update().filter(pk=self.pk).first()
            Message.objects.filter(room_name=self.name).delete()
            return super().delete(**options)

    @classmethod
    def visible_to(cls, user):
        """The rooms that the index shows to a user, or to a stranger."""
        mine = Q(member__user=user.pk, member__status__in=(Member.MEMBER, Member.MUTED))
        return cls.objects.filter(Q(is_private=False) | mine).distinct().order_by("name")


class Member(models.Model):
    """What is special about a user in a room; in a public room most users have no such row."""

    MEMBER, MUTED, BANNED = "member", "muted", "banned"
    STATUSES = ((MEMBER, "member"), (MUTED, "muted: may read only"), (BANNED, "banned"))

    room = models.ForeignKey(Room, models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    status = models.CharField(max_length=6, choices=STATUSES, default=MEMBER)

    class Meta:
        constraints = (UniqueConstraint(fields=("room", "user"), name="one_status"),)

    def __str__(self):
        return f"{self.user} in {self.room}: {self.status}"


class Message(models.Model):
    """An event of a room: a message, or the deletion of one. All of them share one sequence."""

    room_name = models.CharField(max_length=50, db_index=True)
    # Its place in the room: 1, 2, 3 … without gaps, in the order in which they were stored.
    seq = models.PositiveBigIntegerField()
    # The name at that time. `user` says whose message it is, because a name may change hands.
    author = models.CharField(max_length=LONGEST_NAME)
    # None: by a command, or of an account that is deleted. Its index is `sent_once`.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, db_index=False
    )
    # Chosen by the client: sent again, in doubt, it is still one message.
    client_id = models.UUIDField(default=uuid.uuid4)
    # Empty if it was deleted, and in a deletion; else there are 1 to 2,000 characters.
    text = models.TextField(max_length=2000)
    sent_at = models.DateTimeField(auto_now_add=True)
    # What this event deletes; nothing is deleted twice. A room is deleted with all its events.
    deletes = models.OneToOneField(
        "self", models.DO_NOTHING, null=True, editable=False, related_name="deletion"
    )

    class Meta:
        ordering = ("id",)
        constraints = (
            UniqueConstraint(fields=("room_name", "seq"), name="one_place"),
            UniqueConstraint(fields=("user", "room_name", "client_id"), name="sent_once"),
        )

    def __str__(self):
        # Without the text: the admin's log keeps this.
        return f"{self.author} in {self.room_name}: message {self.seq}"

    def save(self, **options):
        # If the message cannot be stored, its number is given back: no gaps.
        with transaction.atomic(savepoint=False):
            if self.seq is None:
                [self.seq] = first_row(COUNT_UP, [self.room_name])
            super().save(**options)

    def delete_text(self, by):
        """Delete what was written, in the name of a Login; the message keeps its seq.

        Returns the event that tells it, and whether it is new: nothing is deleted twice.
        """
        # A name that is older than the rule may be longer.
        author = {"author": by.name[:LONGEST_NAME], "user_id": by.user_id}
        with transaction.atomic():
            event, is_new = Message.objects.get_or_create(
                deletes=self, defaults={"room_name": self.room_name, **author}
            )
            Message.objects.filter(pk=self.pk).update(text="")
        return event, is_new

    @classmethod
    def after(cls, room_name, seq, limit=settings.HISTORY_PAGE):
        """The next events of a room, a page of them."""
        return cls.objects.filter(room_name=room_name, seq__gt=seq).order_by("seq")[:limit]

    @classmethod
    def before(cls, room_name, seq, limit=settings.HISTORY_PAGE):
        """The last messages before this event, a page of them, the oldest first."""
        earlier = cls.objects.filter(room_name=room_name, seq__lt=seq, deletes=None)
        return reversed(earlier.order_by("-seq")[:limit])

    def as_event(self):
        if self.deletes_id:
            return {"type": "deleted", "seq": self.seq, "id": self.deletes_id}
        return {
            "type": "message",
            "id": self.id,
            "seq": self.seq,
            "author": self.author,
            "author_id": self.user_id,
            "client_id": str(self.client_id),
            "text": self.text or None,
            "sent_at": self.sent_at.isoformat(),
        }


class Site(models.Model):
    key = models.UUIDField(default=uuid.uuid4)  # tells this chat from others; the only row

    def __str__(self):
        return str(self.key)


class Allowance(models.Model):
    """A token bucket per user, in the database and so over all instances.

    Kept as the time at which it will be full again, in seconds since 1970: each post moves that on
    by what one token takes to come back, and no further than an empty bucket takes.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)
    spent_until = models.FloatField()

    def __str__(self):
        return f"{self.user}: full again at {self.spent_until}"

    @classmethod
    def spend(cls, user_id):
        """Take one token from the user's bucket; False if there is none."""
        token = 1 / settings.POSTS_PER_SECOND
        ahead = token * (settings.POSTS_AT_ONCE - 1)
        question = SPEND.format(now=NOW[connection.vendor])
        return bool(first_row(question, {"user": user_id, "token": token, "ahead": ahead}))
