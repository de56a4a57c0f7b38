"""Users to try chat_final with, for `run_step.sh final`. Their password is published: here only."""

from ..basics.errors import LaunchError

PASSWORD = "correct horse"
# carol may use the admin. Where another password is wanted, none of them keeps the published one.
SCRIPT = f"""
import os
from django.contrib.auth import get_user_model
users, password = get_user_model().objects, os.environ["DEMO_PASSWORD"]
for name in ("alice", "bob", "carol"):
    user = users.filter(username=name).first()
    if not user:
        make = users.create_superuser if name == "carol" else users.create_user
        make(username=name, password=password)
    elif password != {PASSWORD!r} and user.check_password({PASSWORD!r}):
        user.set_password(password)
        user.save()
"""


def add_users(run, password=PASSWORD):
    """Add the users that the run's database does not have yet. Raises LaunchError."""
    words = ("shell", "--no-imports", "--command", SCRIPT)
    done = run.manage(*words, DEMO_PASSWORD=password)
    if done.returncode:
        raise LaunchError(f"Could not add the users to try it with:\n{done.stderr.strip()}")
