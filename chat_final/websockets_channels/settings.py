"""All that differs from one machine to the next comes from the environment; see the README.

Safe by default: without DEVELOPMENT there have to be a key and hosts, and only HTTPS is spoken.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environ import Env
from redis.connection import parse_url

from .logs import LOGGING  # noqa: F401  Set up by Django.

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent

# For your own machine: a published key, plain HTTP, static files from where they lie.
DEVELOPMENT = env.bool("DEVELOPMENT", False)
# Shows our source code to anyone who finds an error. Never in production.
DEBUG = env.bool("DEBUG", False)

SECRET_KEY = env("SECRET_KEY", default="published-with-the-chat" if DEVELOPMENT else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY; or DEVELOPMENT=1, on your own machine only.")
# Old keys: sessions and sockets that were signed with them stay valid while you change it.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEVELOPMENT else []
)
# Other origins whose pages may open sockets and post forms: "https://chat.example.com".
CSRF_TRUSTED_ORIGINS = env.list("TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    # First, so that `manage.py runserver` becomes Daphne's: an ASGI server too.
    "daphne",
    "channels",
    "chat",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Static files, which with DEBUG off nobody else would serve.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "websockets_channels.gate.pages_in_turn",
    "websockets_channels.headers.no_store",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "websockets_channels.urls"
ASGI_APPLICATION = "websockets_channels.asgi.application"

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
TEMPLATES[0]["OPTIONS"] = {
    "context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
        "websockets_channels.context_processors.where_from",
    ]
}
# Named on each page, with the folder and the port: where several run, one sees which of them it is.
INSTANCE = env("INSTANCE", default="")

LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- the database: the truth ----------------------------------------------------------------------

# No URL: the folder may have a name with a "+" or "#" in it, which mean something else there.
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}
DATABASES = {"default": env.db("DATABASE_URL") if "DATABASE_URL" in env else SQLITE}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Readers go on while somebody writes.
        "init_command": "PRAGMA journal_mode=WAL;",
        # A transaction waits for its turn before it reads: else SQLite might refuse its write.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
    # A file, for the consumers' threads to share; one in memory belongs to one thread.
    DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}
else:
    # A host that says nothing must not hold us up for minutes, not even if it falls silent later.
    # An idle connection gives a sign of life in time, or it would be forgotten on the way.
    DATABASES["default"]["ENGINE"] = "websockets_channels.postgresql"
    options = {"connect_timeout": 5, "keepalives_idle": 60}
    DATABASES["default"]["OPTIONS"] = options | DATABASES["default"].get("OPTIONS", {})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # what Django 6 does by itself
# Threads of each instance in which sockets ask the database. Each keeps its connection this long.
DATABASE_THREADS = env.int("DATABASE_THREADS", 8)
DATABASE_SECONDS = env.int("DATABASE_SECONDS", 600)
# Pages that an instance makes at once; others wait for their turn. Each has a connection meanwhile.
PAGES_AT_ONCE = env.int("PAGES_AT_ONCE", 16)
# A statement may take this many seconds (PostgreSQL). Waiting for another one's lock counts too.
DATABASE_TIMEOUT = env.float("DATABASE_TIMEOUT", 5)

# --- the channel layer: hints ---------------------------------------------------------------------

# One address per server; a hash of its name puts each room's group on one of them.
REDIS_URLS = env.list("REDIS_URL", default=["redis://127.0.0.1:6379/0"])
# The numbers of their databases: these, too, tell a site from others.
REDIS_NUMBERS = [parse_url(url).get("db", 0) for url in REDIS_URLS]
REDIS_LAYERS = {
    # A hint waits in Redis until the instance fetches it: more work, and no gain for us.
    "queue": "channels_redis.core.RedisChannelLayer",
    # Redis passes a hint on to the processes that listen at that moment, and keeps nothing.
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": REDIS_LAYERS[env("REDIS_LAYER", default="pubsub")],
        "CONFIG": {
            # redis-py 8: by itself it gives up after 5 s, when the queue layer still waits; and
            # with protocol 3 it does not notice that Redis has been restarted.
            "hosts": [{"address": u, "socket_timeout": None, "protocol": 2} for u in REDIS_URLS],
            "prefix": env("REDIS_PREFIX", default="chat"),
        },
    }
}

# --- limits ---------------------------------------------------------------------------------------

# A user's posts, over all instances.
POSTS_PER_SECOND = env.float("POSTS_PER_SECOND", 2)
POSTS_AT_ONCE = env.int("POSTS_AT_ONCE", 20)
# Frames of any kind on one socket.
FRAMES_PER_SECOND = env.float("FRAMES_PER_SECOND", 20)
FRAMES_AT_ONCE = env.int("FRAMES_AT_ONCE", 60)
# Of one user, on one instance.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", 20)
# Events at once, in a page of history; fewer if they are long.
HISTORY_PAGE = 50
# The longest frame that is sent. Daphne's limit for what comes in also holds for what goes out: its
# flag --websocket-max-message-size must not say less than this.
FRAME_BYTES = env.int("FRAME_BYTES", 65_536)
# How long an instance's word on who is in a room is believed; it renews that three times as often.
PRESENCE_SECONDS = env.float("PRESENCE_SECONDS", 30)
# A sign of life for each socket; a page that hears none for 25 s connects again.
HEAD_SECONDS = env.float("HEAD_SECONDS", 10)
# A restart closes an instance's sockets over this many seconds.
DRAIN_SECONDS = env.float("DRAIN_SECONDS", 8)

# --- safety ---------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
SECURE_HSTS_SECONDS = 0 if DEVELOPMENT else env.int("HSTS_SECONDS", 365 * 24 * 3600)
# All subdomains too? A browser forgets it only after that time: the domain's owner must decide.
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.bool("HSTS_SUBDOMAINS", False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# A proxy that takes the TLS off has to set this header, and to strip it from what comes in.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_FAILURE_VIEW = "websockets_channels.accounts.csrf_failure"
# Scripts and styles from files of this site only: what somebody writes can never become one. By
# django-csp, until Django 6 and its own SECURE_CSP; see the README.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEVELOPMENT
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

TIME_ZONE = "UTC"
USE_TZ = True

# --- what is told, and to whom --------------------------------------------------------------------

# Prometheus asks for /metrics with this bearer token; without one there is no such page.
METRICS_TOKEN = env("METRICS_TOKEN", default="")
