from django.contrib.auth import views as auth_views
from django.urls import path, register_converter

from . import views
from .converters import RoomNameConverter

register_converter(RoomNameConverter, "room")


def account(view, title, **options):
    context = {"title": title}
    return view.as_view(template_name="chat/account.html", extra_context=context, **options)


change_password = account(views.PasswordChangeView, "Change password", success_url="/")

urlpatterns = [
    path("", views.index, name="index"),
    path("chat/<room:room_name>/", views.room, name="room"),
    path("chat/<room:room_name>/invite/", views.invite, name="invite"),
    path("chat/<room:room_name>/leave/", views.leave, name="leave"),
    path("accounts/signup/", account(views.SignUpView, "Sign up"), name="signup"),
    path("accounts/login/", account(auth_views.LoginView, "Log in"), name="login"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("accounts/password_change/", change_password, name="password_change"),
]
