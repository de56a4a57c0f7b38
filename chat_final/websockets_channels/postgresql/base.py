"""Django's PostgreSQL, in which nobody waits for ever for a server that says nothing.

Whatever stands between us and the database may forget a connection: nothing comes over it then, and
no error either.
"""

import functools
import time

from django.db.backends.postgresql import base
from psycopg import OperationalError


class DatabaseWrapper(base.DatabaseWrapper):
    """A statement may take `patience` seconds; those of commands, as `migrate`, have no limit."""

    patience = None
    # When a connection of this process was last found silent. Older ones may be silent too.
    silent_at = 0

    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        self.made_at = time.monotonic()
        # All of psycopg's waiting for the server goes through this; a COMMIT's, too.
        connection.wait = functools.partial(self.wait, connection, connection.wait)
        return connection

    def wait(self, connection, wait, generator, **options):
        try:
            return wait(generator, **{"timeout": self.patience, **options})
        except OperationalError as error:
            if error.sqlstate is None:  # it comes from psycopg, and not from the server
                DatabaseWrapper.silent_at = time.monotonic()
                connection.close()
            raise

    def close_if_unusable_or_obsolete(self):
        if self.connection and self.made_at < self.silent_at and not self.in_atomic_block:
            self.close()
        super().close_if_unusable_or_obsolete()
