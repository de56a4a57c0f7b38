"""Moderation: mute and ban in a room's list of members, delete what was written.

All of it reaches open sockets: a mute with the next frame, a ban within two seconds, a deletion at
once. To keep somebody out of all rooms, make the user inactive.
"""

from asgiref.sync import async_to_sync
from django.contrib import admin

from .hub import announce
from .models import Member, Message, Room


class MemberInline(admin.TabularInline):
    model = Member
    autocomplete_fields = ("user",)
    extra = 1


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    list_display = ("name", "is_private", "last_seq")
    list_filter = ("is_private",)
    search_fields = ("name",)
    inlines = (MemberInline,)

    def get_readonly_fields(self, request, room=None):
        # Its messages know a room by its name.
        return ("name",) if room else ()

    def has_delete_permission(self, request, room=None):
        return False


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("room_name", "seq", "author", "text", "sent_at")
    search_fields = ("=room_name", "=author", "text")
    list_filter = ("sent_at",)
    actions = ("delete_text",)

    def get_queryset(self, request):
        return super().get_queryset(request).filter(deletes=None)

    @admin.action(description="Delete the text of these messages", permissions=("delete_text",))
    def delete_text(self, request, messages):
        for message in messages:
            event, is_new = message.delete_text(by=request.user.get_username())
            if is_new:
                async_to_sync(announce)(event)
                self.log_change(request, message, "Deleted the text.")

    def has_delete_text_permission(self, request):
        return super().has_change_permission(request)

    # Nobody adds, changes or takes away a message here: readers would not hear of it.
    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, message=None):
        return False

    def has_delete_permission(self, request, message=None):
        return False
