"""Users to try chat_final with, for `run_step.sh final`. Their password is published: here only."""

from ..basics.errors import LaunchError

PASSWORD = "correct horse"
# carol may use the admin.
SCRIPT = f"""
from django.contrib.auth import get_user_model
users = get_user_model().objects
for name in ("alice", "bob", "carol"):
    if not users.filter(username=name).exists():
        make = users.create_superuser if name == "carol" else users.create_user
        make(username=name, password={PASSWORD!r})
"""


def add_users(run):
    """Add the users that the run's database does not have yet. Raises LaunchError."""
    done = run.manage("shell", "--no-imports", "--command", SCRIPT)
    if done.returncode:
        raise LaunchError(f"Could not add the users to try it with:\n{done.stderr.strip()}")
