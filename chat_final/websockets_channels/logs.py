"""What the log tells: one JSON object per line, warnings too. No part of a message is logged."""

import logging
import time

logging.captureWarnings(True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "filters": {
        "again": {"()": "websockets_channels.logs.NotAgain"},
        "clients": {"()": "websockets_channels.logs.OfClients"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["again", "clients"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # Uvicorn has handlers of its own, whose lines are not JSON.
    "loggers": {
        name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.access")
    },
}

# The same error is logged once in this many seconds; this many errors are remembered.
AGAIN_SECONDS, KNOWN = 10, 1_000


class NotAgain(logging.Filter):
    """Leaves out an error that was logged a moment ago; the next line says how many: `left_out`.

    A process that may open no more files has thousands of them each second, and would do little
    else than write them down.
    """

    def __init__(self):
        super().__init__()
        self.told = {}

    def filter(self, record):
        if record.levelno < logging.ERROR:
            return True
        line = record.name, record.getMessage(), repr(record.exc_info and record.exc_info[1])
        tell_at, left_out = self.told.get(line, (0, 0))
        if time.monotonic() < tell_at:
            self.told[line] = tell_at, left_out + 1
            return False
        if len(self.told) > KNOWN:
            self.told.clear()
        self.told[line] = time.monotonic() + AGAIN_SECONDS, 0
        if left_out:
            record.left_out = left_out
        return True


class OfClients(logging.Filter):
    """Logs what a client has done wrong in one line: a bad host, a form of a thousand fields."""

    def filter(self, record):
        error = record.exc_info and record.exc_info[1]
        # Uvicorn logs text that is not UTF-8 as an error of its own.
        if getattr(record, "status_code", 500) < 500 or isinstance(error, UnicodeDecodeError):
            record.exc_info = None
        return True
