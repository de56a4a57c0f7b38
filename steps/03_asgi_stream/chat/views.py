"""Pages of the chat, and a response that never ends: each message is one more event in it.

A waiting reader is a suspended coroutine, for which Django keeps an idle thread all the same.
News still goes one way, from server to client.
"""

import asyncio
import json

from asgiref.sync import async_to_sync
from django.http import HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .forms import MessageForm, RoomForm
from .models import Message

# A view that waits for a message sleeps on this; a view that stores one wakes them all.
news = asyncio.Condition()


@require_safe
def index(request):
    # An address may bring more than a form's fields: `?utm_source=…` asks for no room.
    form = RoomForm(request.GET if "room_name" in request.GET else None)
    if form.is_valid():
        return redirect("room", form.cleaned_data["room_name"])
    rooms = Message.objects.order_by("room_name").values_list("room_name", flat=True).distinct()
    context = {"form": form, "rooms": rooms}
    return render(request, "chat/index.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def room(request, room_name):
    form = MessageForm(request.POST or None, instance=Message(room_name=room_name))
    if form.is_valid():
        form.save()
        async_to_sync(wake_readers)()
        # A redirect, so that a reload shows the room and does not post again.
        return redirect("room", room_name)
    messages = Message.objects.filter(room_name=room_name)
    context = {"form": form, "room_name": room_name, "messages": messages}
    status = 400 if request.method == "POST" else 200
    return render(request, "chat/user.html", context, status=status)


def refused_form(request, reason=""):
    """The page for a form that Django refuses: it may be from another site, or out of date."""
    here = f"{request.scheme}://{request.get_host()}"
    context = {"origin": request.headers.get("Origin", ""), "here": here, "reason": reason}
    return render(request, "403_csrf.html", context, status=403)


async def wake_readers():
    async with news:
        news.notify_all()


@require_safe
async def stream(request, room_name):
    try:
        # A browser that lost the stream comes back with the id of the last event it saw.
        after = int(request.headers.get("Last-Event-ID") or request.GET.get("after", 0))
    except ValueError:
        return HttpResponseBadRequest("after must be the id of a message, as in ?after=7")
    headers = {"Cache-Control": "no-cache"}
    events = stream_events(room_name, after)
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)


async def stream_events(room_name, after):
    # The response's header leaves the server with the first chunk, so send one now.
    yield ": connected\n\n"
    while True:
        for message in await wait_for_messages(room_name, after):
            after = message.id
            yield f"id: {message.id}\ndata: {json.dumps(message.as_event())}\n\n"


async def wait_for_messages(room_name, after):
    """Return the messages of a room that are newer than `after`, as soon as there are any."""
    newer = Message.objects.filter(room_name=room_name, id__gt=after)
    # Read under the lock: a message stored after the look but before the wait is not missed.
    async with news:
        while not (messages := [message async for message in newer.all()]):
            await news.wait()
    return messages
