import uuid

from django.db import models, transaction
from django.db.models import F, UniqueConstraint

# Even with the longest messages, a page is below the megabyte that Daphne sends in one frame.
PAGE = 40


class Room(models.Model):
    name = models.CharField(max_length=50, primary_key=True)
    last_seq = models.PositiveBigIntegerField(default=0)

    def __str__(self):
        return self.name

    @classmethod
    def count_up(cls, name):
        """Return a room's next number. Until the caller's transaction has ended, others wait."""
        # Both write, and neither reads first: SQLite refuses a transaction that has read and now
        # wants to write while another one is writing.
        cls.objects.bulk_create([cls(name=name)], ignore_conflicts=True)
        cls.objects.filter(name=name).update(last_seq=F("last_seq") + 1)
        return cls.objects.get(name=name).last_seq

    @classmethod
    async def newest_seq(cls, name):
        room = await cls.objects.filter(name=name).afirst()
        return room.last_seq if room else 0


class Message(models.Model):
    room_name = models.CharField(max_length=50, db_index=True)
    # Its place in the room: 1, 2, 3 … without gaps, in the order in which they were stored.
    seq = models.PositiveBigIntegerField()
    author = models.CharField(max_length=50)
    # Chosen by the client: sent again, in doubt, it is still one message.
    client_id = models.UUIDField(default=uuid.uuid4)
    text = models.TextField(max_length=2000)
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            UniqueConstraint(fields=("room_name", "seq"), name="one_place"),
            UniqueConstraint(fields=("room_name", "author", "client_id"), name="sent_once"),
        )

    def __str__(self):
        return f"{self.author} in {self.room_name}: {self.text[:40]}"

    def save(self, **options):
        # If the message cannot be stored, its number is given back: no gaps.
        with transaction.atomic():
            if self.seq is None:
                self.seq = Room.count_up(self.room_name)
            super().save(**options)

    @classmethod
    def after(cls, room_name, seq):
        """The next messages of a room, a page of them."""
        return cls.objects.filter(room_name=room_name, seq__gt=seq).order_by("seq")[:PAGE]

    def as_event(self):
        return {
            "type": "message",
            "id": self.id,
            "seq": self.seq,
            "author": self.author,
            "client_id": str(self.client_id),
            "text": self.text,
            "sent_at": self.sent_at.isoformat(),
        }
