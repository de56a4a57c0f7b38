"""What chat_final makes of its environment, as its answers show it."""

import httpx
import pytest

from chatflow.basics.addresses import HOST
from chatflow.running.instances import AS_PROXY
from final.helpers import FINAL

PRODUCTION = {
    "DEVELOPMENT": "0",
    "SECRET_KEY": "only-for-this-test-and-longer-than-fifty-characters-1234567890",
    "ALLOWED_HOSTS": HOST,
}
ALL = {"HSTS_SECONDS": "3600", "HSTS_SUBDOMAINS": "1"}


@pytest.mark.parametrize(
    ("told", "header"),
    [
        (PRODUCTION, "max-age=31536000"),
        (PRODUCTION | ALL, "max-age=3600; includeSubDomains; preload"),
        (ALL, None),
    ],
    ids=["production", "all that may be said", "development"],
)
async def test_browsers_are_tied_to_https_as_far_as_the_owner_says(start, told, header):
    async with start(FINAL, settings=told) as chat, httpx.AsyncClient(headers=AS_PROXY) as http:
        answer = await http.get(f"{chat.url}/accounts/login/")
    assert answer.status_code == 200
    assert answer.headers.get("strict-transport-security") == header
