"""Settings of the bakery: a database, a Redis, and three systems that give out jobs."""

import os
from importlib.util import find_spec

SECRET_KEY = "published-with-the-walkthrough"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "bakery.urls"
ASGI_APPLICATION = "bakery.site.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["BAKERY_DATABASE"],
        "OPTIONS": {"timeout": 20},
    }
}
REDIS = os.environ["BAKERY_REDIS"]

# 1. A worker of Channels: the jobs go through the layer.
HOST = {"address": REDIS, "socket_timeout": None, "protocol": 2}
LAYER = "channels_redis.core.RedisChannelLayer"
CHANNEL_LAYERS = {"default": {"BACKEND": LAYER, "CONFIG": {"hosts": [HOST]}}}

# 2. Django's tasks: part of Django from 6.0 on, before that in a package of their own.
TASKS_MODULE = "django.tasks" if find_spec("django.tasks") else "django_tasks"
TASKS = {
    # What Django takes if nothing is said here.
    "default": {"BACKEND": f"{TASKS_MODULE}.backends.immediate.ImmediateBackend"},
    "database": {"BACKEND": "django_tasks_db.DatabaseBackend"},
}

# 3. Celery. A job that nobody has confirmed is given out again after so many seconds, an hour if
# nothing is said here: so no job may take longer. It looks for such jobs each second, and not, as
# it would by itself, every hundred.
CELERY_BROKER_URL = CELERY_RESULT_BACKEND = REDIS
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 4,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}

INSTALLED_APPS = ["channels", "django_tasks_db", "bakery"]
if TASKS_MODULE == "django_tasks":
    INSTALLED_APPS.append(TASKS_MODULE)
