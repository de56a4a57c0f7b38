#!/usr/bin/env bash
# django-tasks-db: the job of a worker that is killed stays RUNNING; no other worker takes it over.
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
install django==5.2.19 django-tasks==0.12.0 django-tasks-db==0.13.0
run_program <<'PYTHON'
import os
import subprocess
import sys
import time
from pathlib import Path

import django

WAIT = 15  # seconds for which an idle worker could take the job over
# This file is the settings of the workers, too.
SECRET_KEY = "x" * 50
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "jobs.sqlite3"}}
INSTALLED_APPS = ["django_tasks", "django_tasks_db"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
LOG = Path("began")
JOBS = """
import time
from pathlib import Path
from django_tasks import task

@task()
def job(name, seconds):
    with Path("began").open("a") as log:
        print(name, file=log)
    time.sleep(seconds)
"""


def run_worker():
    words = ["django-admin", "db_worker", "--no-startup-delay", "--settings=finding"]
    with open("worker.log", "a") as log:
        return subprocess.Popen([*words, "--pythonpath=."], stdout=log, stderr=log)


def begun():
    return LOG.read_text().split() if LOG.exists() else []


def wait_for(happened, seconds=30):
    give_up_at = time.monotonic() + seconds
    while not happened() and time.monotonic() < give_up_at:
        time.sleep(0.1)


def main():
    Path("jobs.py").write_text(JOBS)
    os.environ["DJANGO_SETTINGS_MODULE"] = "finding"
    django.setup()
    from django.core.management import call_command
    from jobs import job

    call_command("migrate", verbosity=0)
    print("expected: another worker does the job of one that was killed, or it counts as failed")
    long = job.enqueue("long", 600)
    killed = run_worker()
    wait_for(lambda: begun() == ["long"])
    killed.kill()
    killed.wait()
    run_worker()
    other = job.enqueue("other", 0)
    wait_for(lambda: "other" in begun())
    wait_for(lambda: begun().count("long") > 1, WAIT)
    long.refresh()
    other.refresh()
    print(f"seen: jobs that were begun: {begun()}; another worker has done the other: {other.status}")
    print(f"seen: the killed worker's job after {WAIT} s beside an idle worker: {long.status}")
    if begun() != ["long", "other"] or other.status != "SUCCESSFUL" or long.status != "RUNNING":
        return "Changed: a killed worker's job is taken over or given up, or none is done."
    return None


if __name__ == "__main__":
    sys.exit(main())
PYTHON
