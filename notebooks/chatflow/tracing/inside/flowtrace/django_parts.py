"""Round Django: which view a URL is routed to, what is stored and read, and commands."""

import functools

from asgiref.sync import AsyncToSync, SyncToAsync, iscoroutinefunction
from django.core.handlers.base import BaseHandler
from django.core.management.base import BaseCommand
from django.db.backends.signals import connection_created
from django.db.models.signals import post_init, post_save

from .lines import first_line, noting_the_caller, running_line
from .passed import Statement, shortened, told, told_sql
from .recorder import DATABASE, PROCESS, ROUTING, Way, current, working_for

# Commands of the frameworks themselves: some run for ever, and none is about one message.
FRAMEWORKS = {"channels", "daphne", "django"}


def install():
    BaseHandler.resolve_request = traced_resolve(BaseHandler.resolve_request)
    BaseCommand.execute = traced_execute(BaseCommand.execute)
    connection_created.connect(note_searches, weak=False)
    post_save.connect(note_stored, weak=False)
    post_init.connect(note_read, weak=False)
    for crossing in (AsyncToSync, SyncToAsync):
        crossing.__call__ = noting_the_caller(crossing.__call__)


def traced_resolve(resolve_request):
    @functools.wraps(resolve_request)
    def traced(self, request):
        if way := current.get():
            way.hop("inside", ROUTING, f"route {request.path}")
            way.handler = ROUTING
        match = resolve_request(self, request)
        if way:
            match.func = traced_view(match.func, match)
        return match

    return traced


def traced_view(view, match):
    def enter(request):
        station = f"view/{getattr(request, 'scope', request.META)['flowtrace']}"
        passed = {"line": first_line(getattr(view, "view_class", view))}
        # Only a form that has been read already: to read it here would change who reads it first.
        if form := vars(request).get("_post"):
            passed["form"] = told(form.dict())
        current.get().enter_call(station, view.__name__, match.kwargs, passed, view=view.__name__)

    if iscoroutinefunction(view):

        async def traced(request, *args, **kwargs):
            enter(request)
            return await view(request, *args, **kwargs)
    else:

        def traced(request, *args, **kwargs):
            enter(request)
            return view(request, *args, **kwargs)

    return functools.wraps(view)(traced)


def traced_execute(execute):
    @functools.wraps(execute)
    def traced(self, *args, **options):
        if type(self).__module__.split(".")[0] in FRAMEWORKS:
            return execute(self, *args, **options)
        with working_for(Way(f"command/{PROCESS}")) as way:
            try:
                return execute(self, *args, **options)
            finally:
                way.done(None)

    return traced


def is_message(model):
    return model._meta.label_lower == "chat.message"


def note_stored(sender, instance, created, **_):
    way = current.get()
    if way and created and is_message(sender):
        way.station = way.handler
        label = f"INSERT {sender._meta.model_name} {instance.pk}"
        passed = told_sql(way.statement)
        way.visit("database", DATABASE, label, passed, stored=instance.pk, **facts(instance))


def facts(instance):
    names = ("room_name", "author", "text")
    values = {name: getattr(instance, name, None) for name in names}
    return {name: shortened(str(value), 200) for name, value in values.items() if value is not None}


def note_searches(connection, **_):
    # A thread that closes its connection opens it again in the same object, with what is round it.
    if note_search not in connection.execute_wrappers:
        connection.execute_wrappers.append(note_search)


def note_search(execute, sql, parameters, many, context):
    result = execute(sql, parameters, many, context)
    if (way := current.get()) and "chat_message" in sql:
        way.statement = Statement(sql, parameters, running_line())
        if sql.startswith("SELECT"):
            way.looked()
    return result


def note_read(sender, instance, **_):
    way = current.get()
    if way and instance.pk and is_message(sender):
        # Recorded in one hop, before the next one: a page may read hundreds.
        way.read.append((instance.pk, way.statement))
