"""Sends the tables of a channel layer to the database that was added for them, and none else."""

from django.conf import settings


class LayerRouter:
    def __init__(self):
        (self.app,) = settings.INSTALLED_APPS[-1:]
        (self.database,) = settings.DATABASES.keys() - {"default"}

    def db_for_read(self, model, **hints):
        return self.database if model._meta.app_label == self.app else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return (db == self.database) == (app_label == self.app)
