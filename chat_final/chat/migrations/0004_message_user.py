import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def find_users(apps, schema_editor):
    """Give each message to the account of its author's name, if that account is not younger.

    In one statement, however many there are.
    """
    users = apps.get_model(settings.AUTH_USER_MODEL).objects
    authors = users.filter(username=OuterRef("author"), date_joined__lte=OuterRef("sent_at"))
    apps.get_model("chat", "Message").objects.update(user_id=Subquery(authors.values("pk")))


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0003_final"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint("message", "sent_once"),
        migrations.AddField(
            "message",
            "user",
            models.ForeignKey(
                settings.AUTH_USER_MODEL,
                django.db.models.deletion.SET_NULL,
                db_index=False,
                editable=False,
                null=True,
            ),
        ),
        migrations.RunPython(find_users, migrations.RunPython.noop),
        migrations.AddConstraint(
            "message",
            models.UniqueConstraint(fields=("user", "room_name", "client_id"), name="sent_once"),
        ),
        migrations.AlterField(
            "message",
            "deletes",
            models.OneToOneField(
                "chat.message",
                django.db.models.deletion.DO_NOTHING,
                editable=False,
                null=True,
                related_name="deletion",
            ),
        ),
        migrations.AlterField(
            "room",
            "name",
            models.CharField(
                max_length=50,
                primary_key=True,
                serialize=False,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[A-Za-z0-9_-]{1,50}\\Z",
                        "A room name has 1 to 50 letters (A-Z, a-z), digits, - or _.",
                    )
                ],
            ),
        ),
    ]
