#!/usr/bin/env bash
# Channels: a ChannelsLiveServerTestCase cannot run under `manage.py test --parallel`.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 channels==4.3.2 daphne==4.2.3
run_program <<'PYTHON'
import subprocess
import sys
from pathlib import Path

SETTINGS = """
SECRET_KEY, USE_TZ, ROOT_URLCONF = "of this run", True, "site_of_a_test"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL, ASGI_APPLICATION = "static/", "site_of_a_test.application"
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "TEST": {"NAME": "test.sqlite3"}}
DATABASES = {"default": DATABASE}
"""
SITE = """
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("hello"))]
application = get_asgi_application()
"""
# Two classes: one alone is never run in parallel.
TESTS = """
from urllib.request import urlopen
from {module} import {base}

class One({base}):
    def test_page(self):
        assert urlopen(self.live_server_url).read() == b"hello"

class Two(One):
    pass
"""


def last_word(module, base, *options):
    """The exit code of Django's test runner, and the last line of its first traceback."""
    Path("test_pages.py").write_text(TESTS.format(module=module, base=base))
    words = ["-m", "django", "test", "--settings=settings_of_a_test", "test_pages", *options]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    traceback = done.stderr.partition("Traceback (most recent call last):\n")[2].splitlines()
    ends = [line for line in traceback if line and not line.startswith(" ")]
    return done.returncode, ends[0] if ends else "OK"


def main():
    Path("settings_of_a_test.py").write_text(SETTINGS)
    Path("site_of_a_test.py").write_text(SITE)
    channels = "channels.testing", "ChannelsLiveServerTestCase"
    own = last_word("django.test", "LiveServerTestCase", "--parallel=2")
    alone, parallel = last_word(*channels), last_word(*channels, "--parallel=2")
    print("expected: with --parallel, too, each test class has its live server")
    print(f"seen, Django's LiveServerTestCase, --parallel=2: {own}")
    print(f"seen, ChannelsLiveServerTestCase: {alone}")
    print(f"seen, ChannelsLiveServerTestCase, --parallel=2: {parallel}")
    if own[0] or alone[0] or "daemonic processes" not in parallel[1]:
        return "Changed: live servers run in parallel, or not at all."
    return None


sys.exit(main())
PYTHON
