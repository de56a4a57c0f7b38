import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_clean_admin_log")]

    operations = [
        migrations.CreateModel(
            name="Site",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4)),
            ],
        ),
    ]
