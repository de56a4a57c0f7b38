"""Pages of the chat. What happens after a page has loaded is the consumer's business."""

from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate, login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import CreateView

from .forms import MessageForm, RoomForm, SignUpForm
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
@login_required
def room(request, room_name):
    # Whatever name the form itself gives.
    data = request.POST and {**request.POST.dict(), "author": request.user.get_username()}
    form = MessageForm(data or None, instance=Message(room_name=room_name))
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
    if request.user.is_authenticated and request.resolver_match.url_name in ("login", "signup"):
        # Sent twice: the first one logged the user in, and that has changed the form's token.
        return redirect("index")
    here = f"{request.scheme}://{request.get_host()}"
    context = {"origin": request.headers.get("Origin", ""), "here": here, "reason": reason}
    return render(request, "403_csrf.html", context, status=403)


class SignUpView(auth_views.RedirectURLMixin, CreateView):
    form_class = SignUpForm
    template_name = "chat/account.html"
    extra_context = {"title": "Sign up"}
    next_page = "index"

    def get_context_data(self, **kwargs):
        return super().get_context_data(next=self.get_redirect_url(), **kwargs)

    def form_valid(self, form):
        try:
            user = form.save()
        except IntegrityError:
            # Somebody else was quicker, or the same form that was sent twice.
            form.add_error("username", "A user with that username already exists.")
            return self.form_invalid(form)
        return self.let_in(user)

    def form_invalid(self, form):
        # Sent twice: the second time the name is taken, by the user who has just signed up.
        name = form.fields["username"].to_python(form.data.get("username"))
        user = authenticate(self.request, username=name, password=form.data.get("password1"))
        return self.let_in(user) if user else super().form_invalid(form)

    def let_in(self, user):
        login(self.request, user)
        return redirect(self.get_success_url())
