from django.contrib.auth import views as auth_views
from django.urls import path, register_converter

from . import views
from .converters import RoomNameConverter
from .forms import NewPasswordForm

register_converter(RoomNameConverter, "room")

urlpatterns = [
    path("", views.index, name="index"),
    path("chat/<room:room_name>/", views.room, name="room"),
    path("accounts/signup/", views.SignUpView.as_view(), name="signup"),
    path(
        "accounts/login/",
        auth_views.LoginView.as_view(
            template_name="chat/account.html", extra_context={"title": "Log in"}
        ),
        name="login",
    ),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path(
        "accounts/password_change/",
        auth_views.PasswordChangeView.as_view(
            form_class=NewPasswordForm,
            template_name="chat/account.html",
            extra_context={"title": "Change password"},
            success_url="/",
        ),
        name="password_change",
    ),
]
