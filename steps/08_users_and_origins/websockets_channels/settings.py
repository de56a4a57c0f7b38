import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# For teaching on your own machine only: a key that is published protects nothing.
SECRET_KEY = "published-with-the-walkthrough"

# Off, as for real visitors: a wrong address shows a short page instead of our source code.
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    # First, so that `manage.py runserver` becomes Daphne's: an ASGI server too.
    "daphne",
    "channels",
    "chat",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "chat.middleware.no_store",
]

ROOT_URLCONF = "websockets_channels.urls"
ASGI_APPLICATION = "websockets_channels.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                # Gives the templates `stage`, `instance` and `port`.
                "websockets_channels.context_processors.where_from",
                # Gives them `user`.
                "django.contrib.auth.context_processors.auth",
            ],
        },
    }
]
# What this process is called, where several run: "A", say.
INSTANCE = os.environ.get("INSTANCE", "")

# A browser keeps cookies by host, not by port. Under their usual names these would be shared
# with every other Django site on this machine.
CSRF_COOKIE_NAME = "csrftoken_08"
SESSION_COOKIE_NAME = "sessionid_08"
CSRF_FAILURE_VIEW = "chat.views.refused_form"
# True where the chat is served over TLS. Its own pages are https then, and no others.
SECURE_SSL_REDIRECT = False

LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        # Notebooks and tests give each run a database of its own.
        "NAME": os.environ.get("CHAT_DATABASE", BASE_DIR / "db.sqlite3"),
        # One writer at a time: a crowd may have to wait longer than the usual 5 seconds.
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One address per Redis server, redis://host:port/database. With several, a hash of its name puts
# each group, and the queue of each process, on one of them: sharding.
REDIS_SERVERS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0").split(",")

# The queue layer waits for news at Redis for 5 seconds at a time. redis-py 8 also waits at most 5
# seconds for any answer, and so each consumer would end with 1011; redis-py 7 never gives up. With
# None, 8 never gives up either. (30 would work too, but not on Python 3.11: its timer sometimes
# swallows a cancellation, and a consumer whose client has left stays in its group.) With version 3
# of the protocol, redis-py 8.1 does not notice that Redis was restarted; 7 speaks version 2 anyway.
REDIS_HOSTS = [{"address": url, "socket_timeout": None, "protocol": 2} for url in REDIS_SERVERS]

# The two layers of channels_redis do the same for our code, but they lose different things.
REDIS_LAYERS = {
    # A message waits in Redis, in one queue per process, until that process fetches it; when 100
    # wait there, the new one is dropped, and the log says so at INFO. Then it waits in the process
    # for its consumer; when 100 wait there, the oldest is dropped, and no log says so. A consumer
    # that joined a day ago is forgotten: Daphne closes its socket at that age, Uvicorn does not.
    "queue": "channels_redis.core.RedisChannelLayer",
    # Redis passes a message on to the processes that listen at that moment, and keeps nothing:
    # less work, and what is sent while a process reconnects is gone. It disconnects a process
    # that leaves 32 MB unread; in the process, what waits for a consumer has no limit.
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}

# All our names in Redis begin with this, so each chat on a server needs its own. A database of its
# own would not keep it apart: pub/sub reaches into all of them.
REDIS_PREFIX = os.environ.get("REDIS_PREFIX", "chat08")

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": REDIS_LAYERS[os.environ.get("REDIS_LAYER", "queue")],
        "CONFIG": {
            "hosts": REDIS_HOSTS,
            "prefix": REDIS_PREFIX,
        },
    },
    # For jobs. Each is to be done once, and waits until a worker has time: so always a queue. And
    # one server: with several, jobs for a plain channel would go to each server in turn.
    "jobs": {
        "BACKEND": REDIS_LAYERS["queue"],
        "CONFIG": {"hosts": REDIS_HOSTS[:1], "prefix": REDIS_PREFIX},
    },
}

TIME_ZONE = "UTC"
USE_TZ = True

# With DEBUG off Django would mail its errors to nobody; print them instead.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
