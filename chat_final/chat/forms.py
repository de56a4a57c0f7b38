from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import UserCreationForm, UsernameField

from .converters import check_room_name
from .models import Message


class MessageForm(forms.ModelForm):
    class Meta:
        model = Message
        fields = ("author", "text")
        error_messages = {
            "author": {
                "required": "Say who you are.",
                "max_length": "This user name is too long: a moderator can shorten it.",
            },
            "text": {"required": "Write something first."},
        }


class NameField(UsernameField):
    def widget_attrs(self, widget):
        # Refused in words if it is too long: a browser would cut it, without any.
        return super().widget_attrs(widget) | {"maxlength": False}


class SignUpForm(UserCreationForm):
    # As long as the author of a message may be.
    username = NameField(max_length=50, help_text="Letters, digits and @ . + - _ only.")


class RoomForm(forms.Form):
    room_name = forms.CharField(
        strip=False, validators=[check_room_name], error_messages={"required": "Name a room."}
    )


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
