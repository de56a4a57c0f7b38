"""Everything that a run has recorded, looked up by trace, by connection and by who was there."""

from collections import defaultdict

from .flow import kind_of, name_of

# A view that holds a request until there is news.
WAITING_VIEWS = {"messages", "stream"}


class Book:
    """Recorded hops, looked up by trace and by connection."""

    def __init__(self, hops):
        self.hops = [hop for hop in hops if not hop.is_note]
        self.over = {hop.cause for hop in hops if hop.kind == "done"}
        self.looked = {hop.trace for hop in hops if hop.kind == "looked"}
        self.ended_traces = {hop.trace for hop in hops if hop.kind == "done" and not hop.cause}
        self.traces = defaultdict(list)
        for hop in self.hops:
            self.traces[hop.trace].append(hop)
        self.connections = self.find_connections()
        self.endings = self.find_endings()
        self.names = self.name_clients()

    def find_connections(self):
        """The traces of each connection, by its name ("A3"), oldest first."""
        found = defaultdict(list)
        for trace, hops in self.traces.items():
            if kind_of(hops[0].source) == "client":
                found[name_of(hops[0].source)].append(trace)
        return found

    def opening(self, connection):
        """The hops of the trace that opened a connection: its handshake, or its request."""
        return self.traces[self.connections[connection][0]]

    def name_clients(self):
        """Who is at the other end of each connection, as far as they have said who they are."""
        names, unknown = {}, 0
        for connection in self.connections:
            name = self.said_name(connection)
            if not name and self.is_socket(connection):
                unknown += 1
                name = f"client {unknown}"
            names[connection] = name or "browser"
        return names

    def said_name(self, connection):
        agent = self.opening(connection)[0].detail.get("agent", "")
        # A program says which program it is ("Mozilla/5.0"), our clients say who they are.
        if agent and "/" not in agent:
            return agent
        for trace in self.connections[connection]:
            for hop in self.traces[trace]:
                own = hop.source == f"client/{connection}" or "stored" in hop.detail
                if own and hop.detail.get("author"):
                    return hop.detail["author"]

    def is_socket(self, connection):
        return bool(self.opening(connection)[0].detail.get("socket"))

    def room_of(self, connection):
        for hop in self.opening(connection):
            if "room_name" in hop.detail:
                return hop.detail["room_name"]

    def view_of(self, connection):
        return next(
            (hop.detail["view"] for hop in self.opening(connection) if "view" in hop.detail), None
        )

    # --- who was there ------------------------------------------------------------------------

    def hubs_in(self, group, at):
        """The hubs, as "hub/A", that the layer has in a group at a time."""
        found, ended = set(), self.ended_programs()
        for hop in self.hops:
            alive = ended.get(program_of(hop), at) >= at
            if hop.detail.get("group") != group or hop.at > at or not alive:
                continue
            if hop.label.startswith("group_add"):
                found.add(hop.source)
            elif hop.label.startswith("group_discard"):
                found.discard(hop.source)
        return {station for station in found if kind_of(station) == "hub"}

    def listeners(self, room_name, at):
        """The connections that wait for news of a room at a time."""
        return [
            connection
            for connection in self.connections
            if self.room_of(connection) == room_name and self.is_listening(connection, at)
        ]

    def returned(self, room_name, at):
        """The first connections after a time of those who were in a room before, but not then."""
        sockets = [
            connection
            for connection in self.connections
            if self.is_socket(connection) and self.room_of(connection) == room_name
        ]
        there = {self.names[name] for name in sockets if self.is_listening(name, at)}
        before = {self.names[name] for name in sockets if self.opening(name)[0].at < at} - there
        after = {}
        for name in sockets:
            if self.opening(name)[0].at > at and self.names[name] in before:
                after.setdefault(self.names[name], name)
        return list(after.values())

    def is_listening(self, connection, at):
        opening = self.opening(connection)
        if any(end < at for end in self.endings[connection]):
            return False
        if self.is_socket(connection):
            return any(hop.label.startswith("101") and hop.at < at for hop in opening)
        waits = self.view_of(connection) in WAITING_VIEWS
        return waits and opening[0].at < at and not self.answered(opening, at)

    def waits(self, name, room_name):
        """Whether a client's newest request is held by a view that has searched for news."""
        for connection in reversed(self.connections):
            asked = self.names[connection] == name and self.room_of(connection) == room_name
            if asked and self.view_of(connection) in WAITING_VIEWS:
                return self.opening(connection)[0].trace in self.looked - self.ended_traces
        return False

    def find_endings(self):
        """When each connection was closed, by whichever side, by its name."""
        found = defaultdict(list)
        for hop in self.hops:
            if hop.detail.get("gone"):
                found[name_of(hop.source)].append(hop.at)
            # A consumer may also end without a word of its client: when its layer fails.
            if kind_of(hop.target) == "client" and hop.label.startswith("close "):
                found[name_of(hop.target)].append(hop.at)
        ended = self.ended_programs()
        for connection in self.connections:
            if (program := program_of(self.opening(connection)[0])) in ended:
                found[connection].append(ended[program])
        return found

    def ended_programs(self):
        """When each program that has a successor wrote its last hop, by its name ("B-4711")."""
        last, newest = {}, {}
        for hop in self.hops:
            last[program_of(hop)] = hop.at
        for program in last:
            newest[program.rpartition("-")[0]] = program
        return {program: at for program, at in last.items() if program not in newest.values()}

    def answered(self, opening, at):
        """Whether a request was over at a time: its response written, and no more to come."""
        if opening[0].trace not in self.ended_traces:
            return False
        return max(hop.at for hop in opening) < at

    def page_viewers(self, room_name, at):
        """Those who have a room's page as it was, where nothing keeps it up to date."""
        seen = {}
        for connection in self.connections:
            opening = self.opening(connection)
            a_page = self.room_of(connection) == room_name and opening[0].label.startswith("GET")
            if a_page and opening[-1].at < at:
                seen[self.names[connection]] = connection
        return seen


def program_of(hop):
    """The process that recorded a hop, with its number: its station may have had others before."""
    return hop.id.rpartition("-")[0]
