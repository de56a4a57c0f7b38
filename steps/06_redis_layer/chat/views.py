"""Pages of the chat. What happens after a page has loaded is the consumer's business."""

from asgiref.sync import async_to_sync
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .forms import MessageForm, RoomForm
from .groups import send_to_room
from .models import Message


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
        # Stored by now: each query commits by itself. With ATOMIC_REQUESTS it would not be, and
        # transaction.on_commit() would have to send it.
        async_to_sync(send_to_room)(form.save())
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
