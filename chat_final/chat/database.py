"""Database calls of the consumers: in threads, and several at once.

`database_sync_to_async` by itself has one thread for all: one slow call would hold up everybody.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connection


def keep_connection():
    """Keep this thread's connection: a new one for each call would be most of what a post costs.

    Not in the settings, for all threads: a page's thread ends with the page, and closes nothing.
    """
    kept = {"CONN_MAX_AGE": settings.DATABASE_SECONDS, "CONN_HEALTH_CHECKS": True}
    connection.settings_dict = connection.settings_dict | kept
    connection.patience = settings.DATABASE_TIMEOUT


def first_row(sql, params):
    """The first row that a statement returns, or None: for what is asked with each post.

    Django's ORM would take longer to build the question than the database to answer it.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


THREADS = ThreadPoolExecutor(settings.DATABASE_THREADS, "database", keep_connection)

# A decorator, as in `@in_database`: the function is called in a thread, and awaited.
in_database = partial(database_sync_to_async, thread_sensitive=False, executor=THREADS)
