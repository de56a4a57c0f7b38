"""Celery's application, where `celery -A bakery` looks for it."""

from celery import Celery

app = Celery("bakery")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()  # in the module `tasks` of each installed app
