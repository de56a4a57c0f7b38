"""What a conversation on the learner's stage has left behind, and what can be read from it.

The trace, the logs, and what Alice and Bob have heard (`talking`) are the evidence. Each method,
and each sign in a log, is something to look for: a rung of steps/practice.toml names it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ..tracing.book import Book
from ..tracing.flow import Flow
from .unawaited import never_awaited

FRAME = re.compile(r'File "(?P<path>.+)", line (?P<line>\d+)')
# What a traceback ends with, also one in a group of exceptions: no line before it begins so.
ERROR = re.compile(r"(?:  [|] )*(?P<error>[A-Za-z_][\w.]*(?::.*)?)$")
# A worker says it before, and ends the lines that led there with an empty one.
WORKER, END = re.compile(r"Exception inside application: (?P<error>.+)"), re.compile(r"$")
# A client has gone while it was being told something. That is no mistake of a stage.
GONE = re.compile(r"Disconnected|CancelledError|closed protocol")

# What others say in a log when they meet a mistake; `what` is the learner's own word in it.
SIGNS = {
    "no_handler": r"No handler for message type (?P<what>[\w.]+)",
    "no_route": r"No route found for path '(?P<what>[^']+)'",
    "http_only": r"Django can only handle ASGI/HTTP connections",
    "no_application": r"No application configured for scope type '(?P<what>\w+)'",
    "no_backend": r"(?:Cannot import BACKEND '|does not define a \")(?P<what>[\w.]+)",
    "no_redis": r"connecting to (?P<what>[\w.]+:\d+)",
    "no_layer": r"(?:has no attribute|no attribute) '(?P<what>group_add|group_send)'",
    "no_column": r"no such (?:column|table): (?P<what>[\w.]+)",
}


@dataclass
class Evidence:
    """`heard` is {who: the messages that have come}; `ended` {who: what ended their connection}.

    `status` is the answer to a handshake, 0 if there is none in time; `how` the way by which Bob
    reads (None: there is none); `held` whether his request was kept until there was news;
    `unopened` that not even an answer to it began; `answered` the status of Alice's form;
    `went_away` whether Bob was away when she wrote.
    """

    run: object
    text: str = ""
    heard: dict[str, list[dict]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    how: str | None = None
    held: bool = False
    unopened: bool = False
    answered: int | None = None
    went_away: bool = False
    book: Book | None = None
    flow: Flow | None = None

    @property
    def log(self):
        """All that the programs have said up to now: also during the checks that came later."""
        return "\n".join(each.program.said() for each in self.run.processes())

    def shows(self, sign):
        """Whether this is to be seen: the name of a method, or of a sign in the log."""
        return self.said(sign) is not None if sign in SIGNS else getattr(self, sign)()

    def said(self, sign):
        return re.search(SIGNS[sign], self.log)

    def words(self, sign):
        """What a sentence about it may name: the learner's own word, and the place of an error."""
        if sign == "not_awaited":
            return dict(zip(("what", "where"), never_awaited(self.run.folder), strict=True))
        found = self.said(sign) if sign in SIGNS else None
        return {"what": found and found.groupdict().get("what"), "where": self.where()}

    # --- asking for news --------------------------------------------------------------------

    def waits_for_news(self):
        """A request for news is held until there is some."""
        best = "event stream" if self.run.stage.number > 2 else "long polling"
        return self.held and self.how == best

    def no_reader(self):
        """There is no address to read news from."""
        return self.how is None and not self.unopened

    def polls(self):
        return self.how == "long polling"

    def silent(self):
        """Bob's request was taken, and not even the head of a response has come."""
        return self.unopened

    # --- the handshake ----------------------------------------------------------------------

    def accepted(self):
        """A handshake is accepted."""
        return self.status == 101

    def handshake_failed(self):
        """One was tried, and it was not accepted: nothing of the message can be told before."""
        return self.status not in (None, 101)

    def refused(self):
        return self.status == 403

    def never_accepted(self):
        return self.status == 0

    # --- the message ------------------------------------------------------------------------

    def not_awaited(self):
        """A coroutine was made and thrown away; the words say which, and where."""
        return never_awaited(self.run.folder) is not None

    def broke(self):
        """The learner's code has raised; `where` says in which line."""
        return bool(self.where())

    def where(self):
        """ "chat/consumers.py, line 12: NameError: …" of the last error in the learner's files."""
        return last_error(self.log, self.run.folder)

    def not_stored(self):
        return not self.flow or not any("stored" in hop.detail for hop in self.flow.hops)

    def form_failed(self):
        return self.answered is not None and self.answered >= 400

    def not_sent(self):
        """The message was stored, and nobody has called group_send."""
        return not self.not_stored() and not self.labels("group_send")

    def nobody_joined(self):
        return not self.labels("group_add")

    def nobody_left(self):
        return bool(self.labels("group_add")) and not self.labels("group_discard")

    def joined_elsewhere(self):
        """A group was joined, and the message was sent to another one."""
        joined = {hop.detail.get("group") for hop in self.labels("group_add")}
        sent = {hop.detail.get("group") for hop in self.labels("group_send")}
        return bool(joined and sent) and not joined & sent

    def joined_late(self):
        """The client was told that it is connected before its consumer had joined the group."""
        for connection in self.book.connections if self.book else ():
            opening = self.book.opening(connection)
            accepted = [hop.at for hop in opening if hop.label.startswith("101")]
            joined = [hop.at for hop in opening if hop.label.startswith("group_add")]
            if accepted and joined and accepted[0] < joined[0]:
                return True
        return False

    def not_passed_on(self):
        """Bob's consumer was told, and his client was not."""
        if not self.flow:
            return False
        told = [hop for hop in self.flow.hops if hop.target.startswith("consumer/bob")]
        return bool(told) and not self.hears("bob")

    def hears(self, name):
        return self.text in [message.get("text") for message in self.heard.get(name, ())]

    def was_there(self):
        """Bob was in the room while Alice wrote."""
        return "bob" in self.heard and not self.went_away

    def bob_is_deaf(self):
        return self.was_there() and not self.hears("bob")

    def only_the_sender(self):
        return self.hears("alice") and not self.hears("bob")

    def nobody_hears(self):
        return not self.hears("alice") and not self.hears("bob")

    def not_json(self):
        """What came through a socket could not be read as an event."""
        return any(text.startswith(NOT_READ) for text in self.ended.values())

    def twice(self):
        texts = [[message.get("text") for message in one] for one in self.heard.values()]
        return any(one.count(self.text) > 1 for one in texts)

    def gone_with_an_error(self):
        """A socket was closed with 1011: its consumer has ended by an error."""
        return any("1011" in text for text in self.ended.values())

    # --- other processes --------------------------------------------------------------------

    def no_redis_asked(self):
        """Groups are used, and Redis was told nothing: the layer is in one process's memory."""
        return bool(self.labels("group_add")) and not self.kinds("redis")

    def nothing_given(self):
        """No job was sent: no channel but those of groups has got anything."""
        return not self.labels("send ")

    def worker_ended(self):
        return bool(self.run.worker) and self.run.worker.program.poll() is not None

    def job_not_taken(self):
        """A job was sent, and the worker's consumer was never called."""
        return not self.nothing_given() and not self.worked()

    def worked(self):
        hops = self.book.hops if self.book else ()
        return any(hop.target.endswith("@worker") or "/worker" in hop.target for hop in hops)

    def bot_silent(self):
        """The worker has taken the job, and no message of its own was sent to the group."""
        return self.worked() and len(self.labels("group_send")) < 2

    # --- coming back ------------------------------------------------------------------------

    def no_numbers(self):
        messages = [message for one in self.heard.values() for message in one]
        return bool(messages) and not any("seq" in message for message in messages)

    def missed(self):
        return not self.hears("bob")

    def came_again(self):
        """After his return Bob has got a message that he had told to have."""
        return "before" in [message.get("text") for message in self.heard.get("bob", ())]

    def always(self):
        return True

    def labels(self, word):
        """All hops of the conversation whose label begins so, handshakes and all."""
        return [hop for hop in self.kinds() if hop.label.startswith(word)]

    def kinds(self, *kinds):
        hops = self.book.hops if self.book else ()
        return [hop for hop in hops if not kinds or hop.kind in kinds]


NOT_READ = "not an event: "


def last_error(log, folder):
    """ "chat/consumers.py, line 12: NameError: …" of the last error that ran through a folder."""
    last, place, said = "", "", ""
    for line in [*log.splitlines(), ""]:
        if found := WORKER.match(line):
            said = found["error"]
        elif found := FRAME.search(line):
            path = Path(found["path"])
            if path.is_relative_to(folder) and path.name != "manage.py":
                place = f"{path.relative_to(folder)}, line {found['line']}"
        elif place and (ends := ERROR.match(line) or END.match(line)):
            error = ends.groupdict().get("error") or said
            last, place = last if GONE.search(error) else f"{place}: {error}", ""
    return last
