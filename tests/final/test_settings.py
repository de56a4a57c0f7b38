"""What chat_final makes of its environment, as its answers show it.

As it ships: stages/test_plain_django.py.
"""

import pytest

from chatflow import find_stage
from stages.helpers import bare_environment, run_python

HOST = "localhost"
PRODUCTION = {
    "SECRET_KEY": "only-for-this-test-and-longer-than-fifty-characters-1234567890",
    "ALLOWED_HOSTS": HOST,
}
ALL = {"HSTS_SECONDS": "3600", "HSTS_SUBDOMAINS": "1"}
ASK = f"""
import django
django.setup()
from django.test import Client
over_tls = {{"host": "{HOST}", "x-forwarded-proto": "https"}}
answer = Client().get("/accounts/login/", headers=over_tls)
print(answer.status_code, answer.headers.get("strict-transport-security"))
"""


@pytest.mark.parametrize(
    ("told", "header"),
    [
        (PRODUCTION | ALL, "max-age=3600; includeSubDomains; preload"),
        (ALL | {"DEVELOPMENT": "1"}, None),
    ],
    ids=["all that may be said", "development"],
)
def test_browsers_are_tied_to_https_as_far_as_the_owner_says(told, header):
    environment = bare_environment() | told
    environment["DJANGO_SETTINGS_MODULE"] = "websockets_channels.settings"
    done = run_python(find_stage("final").folder, environment, "-c", ASK)
    assert (done.returncode, done.stdout) == (0, f"200 {header}\n"), done.stderr
