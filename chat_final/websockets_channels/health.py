"""What a load balancer and Prometheus ask. Nothing here says who chats, or what about."""

import asyncio

from django.conf import settings
from django.db import Error, connection
from django.http import Http404, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chat.database import in_database
from chat.hub import get_hub

# A load balancer asks again soon, and does not wait much longer.
ANSWER_SECONDS = 2


@require_safe
async def healthz(request):
    """Whether this process answers at all; if not, it has to be started again."""
    return JsonResponse({"alive": True})


@require_safe
async def readyz(request):
    """Whether to send it new connections: not while it drains, nor without its database."""
    hub = get_hub()
    database = await has_database()
    ready = database and not hub.draining
    # Without the layer the chat goes on through the database, so that is no reason to stay away.
    facts = {"ready": ready, "draining": hub.draining, "database": database}
    return JsonResponse({**facts, "layer": hub.layer.works}, status=200 if ready else 503)


async def has_database():
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await ask_database()
    except (Error, TimeoutError):
        return False
    return True


@in_database
def ask_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@require_safe
def metrics(request):
    """For clients with the token of the settings; without a token there is no such page."""
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not constant_time_compare(given, wanted):
        raise Http404
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
