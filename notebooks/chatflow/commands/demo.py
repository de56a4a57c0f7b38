"""Users to try chat_final with, for `run_step.sh final`. Their password is published: here only."""

from ..basics.errors import LaunchError

PASSWORD = "correct horse"
# carol may use the admin.
SCRIPT = """
import os
from django.contrib.auth import get_user_model
users, password = get_user_model().objects, os.environ["DEMO_PASSWORD"]
for name in ("alice", "bob", "carol"):
    if not users.filter(username=name).exists():
        make = users.create_superuser if name == "carol" else users.create_user
        make(username=name, password=password)
"""


def add_users(run, password=PASSWORD):
    """Add the users that the run's database does not have yet. Raises LaunchError."""
    command = ("shell", "--no-imports", "--command", SCRIPT)
    done = run.manage(*command, DEMO_PASSWORD=password)
    if done.returncode:
        raise LaunchError(f"Could not add the users to try it with:\n{done.stderr.strip()}")
