import uuid

from django.db import migrations, models


def number(apps, schema_editor):
    """Give the messages that are there already their places, in the order of their ids."""
    rooms = apps.get_model("chat", "Room").objects
    for message in apps.get_model("chat", "Message").objects.order_by("id"):
        room, _ = rooms.get_or_create(name=message.room_name)
        room.last_seq += 1
        room.save()
        message.seq, message.client_id = room.last_seq, uuid.uuid4()
        message.save()


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Room",
            fields=[
                ("name", models.CharField(max_length=50, primary_key=True, serialize=False)),
                ("last_seq", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.AddField("message", "seq", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("message", "client_id", models.UUIDField(null=True)),
        migrations.RunPython(number, migrations.RunPython.noop),
        migrations.AlterField("message", "seq", models.PositiveBigIntegerField()),
        migrations.AlterField("message", "client_id", models.UUIDField(default=uuid.uuid4)),
        migrations.AddConstraint(
            "message", models.UniqueConstraint(fields=("room_name", "seq"), name="one_place")
        ),
        migrations.AddConstraint(
            "message",
            models.UniqueConstraint(fields=("room_name", "author", "client_id"), name="sent_once"),
        ),
    ]
