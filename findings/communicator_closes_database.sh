#!/usr/bin/env bash
# Channels: WebsocketCommunicator.disconnect() closes the database connection of a TestCase.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 daphne==4.2.3
run_program <<'PYTHON'
import sys
import unittest

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import TestCase, TransactionTestCase
from django.test.runner import DiscoverRunner

DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "chat.sqlite3", "TEST": {"NAME": "test.sqlite3"}}
APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
settings.configure(DATABASES={"default": DATABASE}, INSTALLED_APPS=APPS, USE_TZ=True)
django.setup()

from django.contrib.auth.models import User  # noqa: E402, it needs Django to be set up


class Tests:
    """Two tests, each of which stores a user, opens a socket, and closes it again."""

    async def store_and_connect(self):
        await User.objects.acreate(username="alice")
        communicator = WebsocketCommunicator(AsyncWebsocketConsumer.as_asgi(), "/")
        assert (await communicator.connect())[0]
        await communicator.disconnect()
        assert await User.objects.acount() == 1

    async def test_one(self):
        await self.store_and_connect()

    async def test_two(self):
        await self.store_and_connect()


class InATransaction(Tests, TestCase):
    pass


class Emptied(Tests, TransactionTestCase):
    pass


def failed(case):
    """What each of its tests that fail has said in the end."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    result = unittest.TextTestRunner(stream=open("tests.log", "a")).run(suite)
    return [report.splitlines()[-1] for _, report in result.failures + result.errors]


def main():
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    print("expected: two tests, each with a socket and a row of its own, pass in a TestCase")
    emptied, in_a_transaction = failed(Emptied), failed(InATransaction)
    print(f"seen, TransactionTestCase: {len(emptied)} of 2 fail")
    print(f"seen, TestCase: {len(in_a_transaction)} of 2 fail: {in_a_transaction}")
    runner.teardown_databases(databases)
    if emptied or not in_a_transaction:
        return "Changed: the connection of a TestCase stays open, or TransactionTestCase fails."
    return None


sys.exit(main())
PYTHON
