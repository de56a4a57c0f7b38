#!/usr/bin/env bash
# Channels: without fork, the server of a ChannelsLiveServerTestCase knows no override_settings.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 daphne==4.2.3
run_program <<'PYTHON'
import subprocess
import sys
from pathlib import Path

SETTINGS = """
SECRET_KEY, USE_TZ, ROOT_URLCONF = "of this run", True, "site_of_a_test"
INSTALLED_APPS, ALLOWED_HOSTS = ["django.contrib.staticfiles"], ["localhost"]
STATIC_URL, ASGI_APPLICATION = "static/", "site_of_a_test.application"
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "TEST": {"NAME": "test.sqlite3"}}
DATABASES = {"default": DATABASE}
GREETING = "of the settings file"
"""
SITE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings_of_a_test")

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse(settings.GREETING))]
application = get_asgi_application()
"""
TESTS = """
import multiprocessing
from urllib.request import urlopen
from channels.testing import ChannelsLiveServerTestCase
from django.test import override_settings

multiprocessing.set_start_method("{method}", force=True)

@override_settings(GREETING="of the test")
class Pages(ChannelsLiveServerTestCase):
    def test_page(self):
        print("page:", urlopen(self.live_server_url).read().decode())
"""
# fork was Linux's until Python 3.13; since 3.14 it is forkserver, and on macOS it is spawn.
METHODS = ["fork", "forkserver", "spawn"]


def greeting(method):
    """What the page of the live server says, if it is started in this way."""
    Path("test_pages.py").write_text(TESTS.format(method=method))
    words = ["-m", "django", "test", "--settings=settings_of_a_test", "test_pages"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    said = [line.removeprefix("page: ") for line in done.stdout.splitlines() if "page: " in line]
    return said[0] if said else f"nothing:\n{done.stderr}"


def main():
    Path("settings_of_a_test.py").write_text(SETTINGS)
    Path("site_of_a_test.py").write_text(SITE)
    print("expected: the live server has the settings of the test, whichever Python starts it")
    seen = {method: greeting(method) for method in METHODS}
    for method, said in seen.items():
        print(f"seen, server started by {method}: {said}")
    if list(seen.values()) != ["of the test", "of the settings file", "of the settings file"]:
        return "Changed: each way of starting the server has the same settings, or none."
    return None


sys.exit(main())
PYTHON
