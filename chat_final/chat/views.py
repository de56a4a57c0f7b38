"""Pages of the chat. What happens after a page has loaded is the consumer's business."""

import uuid

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from websockets_channels.origins import origins_of

from . import store
from .access import check_may_read, check_may_write, login_of
from .forms import InvitationForm, MessageForm, RoomForm
from .frames import Refusal, read_client_id
from .hub import announce
from .models import Member, Message, Room


@require_http_methods(["GET", "HEAD", "POST"])
def index(request):
    """All rooms; enter one by name, or begin a private one."""
    # An address may bring more than a form's fields: `?utm_source=…` asks for no room.
    form = RoomForm(request.GET if "room_name" in request.GET else None)
    private_form = RoomForm(request.POST or None)
    if form.is_valid():
        return redirect("room", form.cleaned_data["room_name"])
    if request.method == "POST" and not request.user.is_authenticated:
        return redirect("login")
    if private_form.is_valid():
        if room := Room.begin_private(private_form.cleaned_data["room_name"], request.user):
            return redirect("room", room.name)
        private_form.add_error("room_name", "There is a room of this name already: choose another.")
    context = {"form": form, "private_form": private_form, "rooms": Room.visible_to(request.user)}
    has_errors = form.errors or private_form.errors
    return render(request, "chat/index.html", context, status=400 if has_errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def room(request, room_name):
    _, is_private = check_may_read(login_of(request), room_name)
    # A phone's keyboard begins with a capital letter, and nobody sees that this is another room.
    if is_private is None and request.method != "POST" and (other := Room.namesake(room_name)):
        return redirect("room", other)
    # Whatever name the form itself gives.
    data = request.POST and {**request.POST.dict(), "author": request.user.get_username()}
    form = MessageForm(data or None)
    if form.is_valid():
        try:
            post(request, room_name, form.cleaned_data)
        except Refusal as refusal:
            form.add_error("text", refusal.detail)
        else:
            # A redirect, so that a reload shows the room and does not post again.
            return redirect("room", room_name)
    return render_room(request, room_name, form=form)


def post(request, room_name, fields):
    client_id = read_client_id(request.POST.dict())
    message, is_new = store.post(login_of(request), room_name, client_id=client_id, **fields)
    if is_new:
        async_to_sync(announce)(message)


def render_room(request, room_name, **forms):
    room = Room.objects.filter(name=room_name).first() or Room(name=room_name)
    history = list(Message.before(room_name, room.last_seq + 1))
    members = Member.objects.filter(room=room_name)
    # What the page's script has to know.
    page = {"room": room_name, "author": request.user.get_username(), "author_id": request.user.pk}
    page |= {"oldest": history[0].seq if history else 0, "newest": room.last_seq}
    page["origins"] = origins_of(request)
    context = {
        "form": MessageForm(),
        "invitation_form": InvitationForm(),
        **forms,
        "room_name": room_name,
        "is_private": room.is_private,
        "members": members.select_related("user"),
        "is_muted": members.filter(user=request.user, status=Member.MUTED).exists(),
        "history": history,
        "page": page,
        # Sent twice by mistake, a form is still one message.
        "client_id": uuid.uuid4(),
    }
    status = 400 if request.method == "POST" else 200
    return render(request, "chat/user.html", context, status=status)


@require_POST
@login_required
@transaction.atomic
def invite(request, room_name):
    """Make somebody a member of a private room; any of its members who is not muted may."""
    check_may_read(login_of(request), room_name)
    # Locked: its last member may be leaving.
    get_object_or_404(Room.objects.select_for_update(), name=room_name, is_private=True)
    form = InvitationForm(request.POST)
    try:
        check_may_write(login_of(request), room_name)
    except Refusal as refusal:
        form.add_error("user", refusal.detail)
    if not form.is_valid():
        return render_room(request, room_name, invitation_form=form)
    # A banned user stays banned.
    Member.objects.get_or_create(room_id=room_name, user=form.cleaned_data["user"])
    return redirect("room", room_name)


@require_POST
@login_required
@transaction.atomic
def leave(request, room_name):
    """Leave the room. A private room is deleted with its last member, who is asked first."""
    # Locked: if two leave at once, one of them is the last.
    room = Room.objects.select_for_update().filter(name=room_name).first()
    others = Member.objects.filter(room=room).exclude(user=request.user)
    mine = Member.objects.filter(room=room, user=request.user, status=Member.MEMBER)
    is_last = mine.exists() and not others.exclude(status=Member.BANNED).exists()
    if room and room.is_private and is_last:
        if "and_delete" not in request.POST:
            count = Message.objects.filter(room_name=room_name).exclude(text="").count()
            return render(request, "chat/leave.html", {"room_name": room_name, "count": count})
        room.delete()
    mine.delete()
    return redirect("index")
