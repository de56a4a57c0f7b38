"""Pages of the chat, and a request that is answered when there is news.

A waiting reader holds one of the server's threads until it is answered.
"""

import threading
import time

from django.http import HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .forms import MessageForm, RoomForm
from .models import Message

WAIT_SECONDS = 25

# A view that waits for a message sleeps on this; a view that stores one wakes them all.
news = threading.Condition()


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
        with news:
            news.notify_all()
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


@require_safe
def messages(request, room_name):
    try:
        after = int(request.GET.get("after", 0))
    except ValueError:
        return HttpResponseBadRequest("after must be the id of a message, as in ?after=7")
    newer = wait_for_messages(room_name, after)
    return JsonResponse({"messages": [message.as_event() for message in newer]})


def wait_for_messages(room_name, after):
    """Return the messages of a room that are newer than `after`; none when the wait is over."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    # Read under the lock: a message stored after the look but before the wait is not missed.
    with news:
        while not (newer := list(Message.objects.filter(room_name=room_name, id__gt=after))):
            if not news.wait(give_up_at - time.monotonic()):
                break
    return newer
