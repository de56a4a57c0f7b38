"""Pages of the chat. What happens after a page has loaded is the consumer's business."""

from asgiref.sync import async_to_sync
from django.contrib.auth import login
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import CreateView

from .forms import MessageForm, RoomForm, SignUpForm
from .groups import send_to_room
from .models import Message


@require_safe
def index(request):
    form = RoomForm(request.GET or None)
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
        async_to_sync(send_to_room)(form.save())
        # A redirect, so that a reload shows the room and does not post again.
        return redirect("room", room_name)
    messages = Message.objects.filter(room_name=room_name)
    context = {"form": form, "room_name": room_name, "messages": messages}
    status = 400 if request.method == "POST" else 200
    return render(request, "chat/user.html", context, status=status)


class SignUpView(auth_views.RedirectURLMixin, CreateView):
    form_class = SignUpForm
    template_name = "chat/account.html"
    extra_context = {"title": "Sign up"}
    next_page = "index"

    def get_context_data(self, **kwargs):
        return super().get_context_data(next=self.get_redirect_url(), **kwargs)

    def form_valid(self, form):
        response = super().form_valid(form)
        login(self.request, self.object)
        return response
