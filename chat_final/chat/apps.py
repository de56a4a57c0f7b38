from django.apps import AppConfig
from django.contrib.auth import get_user_model
from django.core.validators import MaxLengthValidator

from .converters import LONGEST_NAME


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self):
        # For everything that makes and changes users: sign-up, the admin, createsuperuser.
        username = get_user_model()._meta.get_field("username")
        username.validators.append(MaxLengthValidator(LONGEST_NAME))
