from django.db import models


class Message(models.Model):
    room_name = models.CharField(max_length=50, db_index=True)
    author = models.CharField(max_length=50)
    text = models.TextField(max_length=2000)
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)

    def __str__(self):
        return f"{self.author} in {self.room_name}: {self.text[:40]}"

    def as_event(self):
        return {
            "type": "message",
            "id": self.id,
            "author": self.author,
            "text": self.text,
            "sent_at": self.sent_at.isoformat(),
        }
