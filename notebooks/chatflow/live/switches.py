"""The switches of a run: kill, stop and start what runs, cut and mend somebody's network."""

import threading

from ..basics.errors import UsageError
from .sentences import sentence

# What can be done to a part, by how it is; and to somebody's network.
ACTIONS = {"runs": ["kill", "stop"], "stopped": ["start", "kill"], "ended": ["start"], "starts": []}
NETWORK = {"online": ["cut"], "offline": ["mend"]}
BROUGHT_BY = {"ended": "kill", "stopped": "stop", "offline": "cut"}
DONE = {
    "kill": "{} has ended.",
    "stop": "{} is stopped.",
    "start": "{} runs again.",
    "go on": "{} goes on.",
    "cut": "The network of {} is cut.",
    "mend": "The network of {} is mended.",
}


class Switches:
    """What of a run can be switched, by name: what its launcher has started, and no more.

    `people` are the Persons at their pages; `killed` names what was killed here, and so is to stay
    as it is until it is started here.
    """

    def __init__(self, run, people=()):
        self.run, self.people = run, {person.name: person for person in people}
        self.lock, self.starting, self.is_closed = threading.Lock(), None, False
        self.killed, self.latest = set(), (None, None)

    def close(self):
        """Switch nothing any more: all is about to end."""
        self.is_closed = True

    def press(self, name, action):
        """Do it; returns what a user sees then, when it is done. Any thread may press.

        Raises UsageError for what cannot be done now, LaunchError for what does not start.
        """
        with self.lock:
            if self.is_closed or action not in self.actions(name):
                raise UsageError(f"“{action}” cannot be done to {name} now.")
            goes_on = self.state_of(name) == "stopped" and action == "start"
            if name in self.people:
                self.people[name].switch(action)
            else:
                self.switch(self.run.parts()[name], name, action)
            self.latest = name, "go on" if goes_on else action
        return self.means(*self.latest)

    def revive(self, name):
        """Start a part again that has ended by itself; one that was killed here stays as it is."""
        with self.lock:
            by_itself = self.state_of(name) == "ended" and name not in self.killed
            if by_itself and not self.is_closed:
                self.switch(self.run.parts()[name], name, "start")

    def switch(self, part, name, action):
        if action == "kill":
            self.killed.add(name)
            part.kill()
        elif action == "stop":
            part.freeze()
        elif part.program.is_frozen:
            part.thaw()
        else:
            self.starting = name
            self.killed.discard(name)
            try:
                part.start()
            finally:
                self.starting = None

    def state_of(self, name):
        if name in self.people:
            return "online" if self.people[name].is_up else "offline"
        program = self.run.parts()[name].program
        if name == self.starting:
            return "starts"
        if program.poll() is not None:
            return "ended"
        return "stopped" if program.is_frozen else "runs"

    def actions(self, name):
        if name not in self.run.parts() and name not in self.people:
            return []
        return (NETWORK if name in self.people else ACTIONS)[self.state_of(name)]

    def is_waiting(self):
        """Whether something stands still, or is away for a moment: it may bring what is missing."""
        return any(self.state_of(name) in ("stopped", "starts") for name in self.run.parts())

    def told(self):
        """What a page shows: [{name, state, all actions, those of now, what a user sees}]."""
        return [self.tell(name) for name in [*self.run.parts(), *self.people]]

    def tell(self, name):
        state = self.state_of(name)
        # What is as it should be has nothing to say, unless it has become so just now.
        latest = self.latest[1] if self.latest[0] == name else None
        done = BROUGHT_BY.get(state, latest if state in ("runs", "online") else None)
        return {
            "name": name,
            "state": state,
            "known": ["cut", "mend"] if name in self.people else ["kill", "stop", "start"],
            "actions": self.actions(name),
            "means": self.means(name, done) if done in DONE else "",
        }

    def means(self, name, done):
        """In sentences: what has been done, and what a user of the chat sees now."""
        return f"{DONE[done].format(name)} {self.sentence(name, done)}".strip()

    def sentence(self, name, done):
        kind = "Network" if name in self.people else type(self.run.parts()[name]).__name__
        return sentence(self.run, kind, done)
