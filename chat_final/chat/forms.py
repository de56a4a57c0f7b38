from django import forms
from django.contrib.auth import get_user_model

from .converters import check_room_name
from .models import Message

NO_NAME = {"required": "Name a room."}
NAME_IS_TOO_LONG = "This user name is too long: a moderator can shorten it."


class MessageForm(forms.ModelForm):
    class Meta:
        model = Message
        fields = ("author", "text")
        error_messages = {
            "author": {"required": "Say who you are.", "max_length": NAME_IS_TOO_LONG},
            "text": {"required": "Write something first."},
        }


class RoomForm(forms.Form):
    room_name = forms.CharField(validators=[check_room_name], error_messages=NO_NAME)


class InvitationForm(forms.Form):
    user = forms.ModelChoiceField(
        get_user_model().objects.filter(is_active=True),
        to_field_name="username",
        widget=forms.TextInput,
        error_messages={
            "required": "Say whom to invite.",
            "invalid_choice": "There is nobody of this name here.",
        },
    )
