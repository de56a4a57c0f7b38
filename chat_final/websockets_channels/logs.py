"""What the log tells of errors: a traceback is for those that are ours."""

import logging


class OfClients(logging.Filter):
    """Leaves one line of what a client has done wrong: a bad host, a form of a thousand fields."""

    def filter(self, record):
        error = record.exc_info and record.exc_info[1]
        # Uvicorn logs text that is no UTF-8 as an error of its own.
        if getattr(record, "status_code", 500) < 500 or isinstance(error, UnicodeDecodeError):
            record.exc_info = None
        return True
