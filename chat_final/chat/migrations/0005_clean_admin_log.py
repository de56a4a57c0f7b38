from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Concat


def clean(apps, schema_editor):
    """Take what was written out of the log: a moderator has deleted it."""
    entries = apps.get_model("admin", "LogEntry").objects
    of_messages = entries.filter(content_type__app_label="chat", content_type__model="message")
    of_messages.update(object_repr=Concat(Value("message "), F("object_id")))


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("chat", "0004_message_user"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(clean, migrations.RunPython.noop)]
