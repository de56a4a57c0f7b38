class RoomNameConverter:
    """`<room:room_name>` in a route: matched whole, so a bad name is no room at all."""

    regex = "[A-Za-z0-9_-]{1,50}"

    def to_python(self, value):
        return value

    def to_url(self, value):
        return value
