"""Moderation: mute and ban in the list of members, delete what was written.

A room links to its members there; a user who is no member yet is added there, muted or banned.

All of it reaches open sockets: a mute with the next frame, a ban within two seconds, a deletion at
once. To keep somebody out of all rooms, make the user inactive.
"""

from asgiref.sync import async_to_sync
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.urls import reverse
from django.utils.html import format_html

from .access import login_of
from .hub import announce
from .models import Member, Message, Room


def set_status(status, words):
    @admin.action(description=f"Set status: {words}", permissions=("change",))
    def action(modeladmin, request, members):
        LogEntry.objects.log_actions(request.user.pk, members, CHANGE, f"Status: {status}.")
        members.update(status=status)

    action.__name__ = status
    return action


# Not part of a room's page, where a form of all members would be too large to be sent.
@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    list_display = ("user", "room", "status")
    list_filter = ("status",)
    list_select_related = ("user", "room")
    search_fields = ("=room__name", "user__username")
    autocomplete_fields = ("user", "room")
    actions = [set_status(*each) for each in Member.STATUSES]


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):
    list_display = ("name", "is_private", "last_seq")
    list_filter = ("is_private",)
    search_fields = ("name",)

    def get_readonly_fields(self, request, room=None):
        # A room's messages know it by its name.
        return ("name", "members") if room else ()

    def members(self, room):
        link = reverse("admin:chat_member_changelist", query={"room": room.name})
        return format_html('<a href="{}">{} members</a>', link, room.member_set.count())

    def save_model(self, request, room, form, change):
        # Not the counter: only new events change it.
        Room.objects.update_or_create(pk=room.pk, defaults={"is_private": room.is_private})

    def has_delete_permission(self, request, room=None):
        # Only a room that nobody has written in: readers would not hear of its deletion.
        return bool(room and not room.last_seq) and super().has_delete_permission(request, room)


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
            event, is_new = message.delete_text(by=login_of(request))
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
