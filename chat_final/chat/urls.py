from django.urls import path, register_converter

from . import views
from .converters import RoomNameConverter

register_converter(RoomNameConverter, "room")

urlpatterns = [
    path("", views.index, name="index"),
    path("chat/<room:room_name>/", views.room, name="room"),
    path("chat/<room:room_name>/invite/", views.invite, name="invite"),
    path("chat/<room:room_name>/leave/", views.leave, name="leave"),
]
