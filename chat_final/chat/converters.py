from django.core.validators import RegexValidator

# Of a user's name, as it becomes the author of messages.
LONGEST_NAME = 50


class RoomNameConverter:
    """`<room:room_name>` in a route: matched whole, so a bad name is no room at all."""

    regex = "[A-Za-z0-9_-]{1,50}"

    def to_python(self, value):
        return value

    def to_url(self, value):
        return value


# The same rule for names that come in no route.
BAD_NAME = "A room name has 1 to 50 letters (A-Z, a-z), digits, - or _."
check_room_name = RegexValidator(rf"\A{RoomNameConverter.regex}\Z", BAD_NAME)
