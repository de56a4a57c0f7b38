from django import forms

from .converters import RoomNameConverter
from .models import Message


class MessageForm(forms.ModelForm):
    class Meta:
        model = Message
        fields = ("author", "text")
        error_messages = {
            "author": {"required": "Say who you are."},
            "text": {"required": "Write something first."},
        }


class RoomForm(forms.Form):
    room_name = forms.RegexField(
        rf"\A{RoomNameConverter.regex}\Z",
        strip=True,
        error_messages={
            "required": "Name a room.",
            "invalid": "A room name has 1 to 50 letters (A-Z, a-z), digits, - or _.",
        },
    )
