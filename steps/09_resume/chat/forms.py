from django import forms
from django.contrib.auth.forms import PasswordChangeForm, UserCreationForm, UsernameField

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


class SignUpForm(UserCreationForm):
    # Not longer than the author of a message may be.
    username = UsernameField(max_length=50, help_text="Letters, digits and @ . + - _ only.")


class NewPasswordForm(PasswordChangeForm):
    def clean_old_password(self):
        # Sent twice: the second time the password is the new one already.
        if self.user.check_password(self.data.get("new_password1", "")):
            return self.cleaned_data["old_password"]
        return super().clean_old_password()


class RoomForm(forms.Form):
    room_name = forms.RegexField(
        rf"\A{RoomNameConverter.regex}\Z",
        strip=True,
        error_messages={
            "required": "Name a room.",
            "invalid": "A room name has 1 to 50 letters (A-Z, a-z), digits, - or _.",
        },
    )
