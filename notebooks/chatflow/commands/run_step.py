"""`scripts/run_step.sh`: run a stage until Ctrl-C, and say what runs and what to try."""

import argparse
import fcntl
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import unquote

from ..basics.addresses import printable
from ..basics.catalog import find_stage, shown, stages
from ..basics.errors import LaunchError, UsageError
from ..running.launcher import Run
from ..running.layers import layers
from ..running.options import is_url
from ..running.processes import RUNS
from ..running.servers import ASGI_SERVERS, WSGI_SERVER
from ..tracing.flow import counted
from . import demo, lan
from .folders import database_name, own_folder
from .layer_words import describe_layer, hints_of

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """The user, or the system, wants us to end."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(f"{message[0].upper()}{message[1:]}; see {self.prog} --help.")


def parser():
    parser = Parser(
        prog="run_step.sh",
        description="Run one stage of the walkthrough until Ctrl-C.",
        epilog="REDIS_URL names running Redis servers (comma-separated) to use instead of a "
        "private one; REDIS_LAYER=pubsub chooses the other Redis layer.",
    )
    parser.add_argument("number", metavar="N", nargs="?", help="the stage: 1, 2, … or final")
    parser.add_argument(
        "--folder",
        metavar="PATH",
        help="run what is in this folder in place of the stage: practice/05_inmemory_layer, say",
    )
    parser.add_argument("--list", action="store_true", help="show the stages and end")
    parser.add_argument(
        "--port", type=int, default=8000, help="port of the first instance (0: any free one)"
    )
    parser.add_argument(
        "--instances", type=int, default=1, metavar="K", help="server processes, on P, P+1, …"
    )
    parser.add_argument("--server", choices=ASGI_SERVERS, help="for ASGI stages (default: daphne)")
    parser.add_argument(
        "--redis-shards", type=int, default=1, metavar="S", help="private Redis servers to start"
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help=f"for 6: another channel layer in place of its own: {', '.join(layers())}; what is "
        "missing for it is installed first, in .venv-layers/",
    )
    parser.add_argument(
        "--flow",
        action="store_true",
        help="record each message's way and show it live, on a page on the port after the last",
    )
    parser.add_argument(
        "--lan",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="for 9 and final: listen where phones in this machine's network can reach it, "
        "at this ADDRESS of it (default: that of its way out), and show a QR code",
    )
    parser.add_argument(
        "--database",
        metavar="PATH|URL",
        help="SQLite file, or sqlite:///PATH (default: one per stage or folder, in .run/); "
        "for chat_final also postgres://USER:PASSWORD@HOST:PORT/NAME, or postgres:// for a "
        "private PostgreSQL",
    )
    return parser


def main(arguments=None):
    open_standard_streams()
    for number in SIGNALS:
        # Under nohup a hang-up is to be ignored.
        if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN):
            signal.signal(number, stop)
    try:
        options = parser().parse_args(arguments)
        if options.number is None and options.lan:
            # `--lan final`: a word after --lan could be its address.
            options.number, options.lan = options.lan, ""
        if options.list:
            for stage in stages():
                print(f"{stage.key:<5}  {stage.title:<28}  {stage.idea}")
        else:
            run_stage(options)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone; nothing may be written to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Stopped as stopped:
        return 128 + stopped.args[0]


def open_standard_streams():
    """Have descriptors 0 to 2 open, so that no socket of ours gets one of those numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        if stream:
            # A terminal that cannot show a "·" shows a "?" for it.
            stream.reconfigure(errors="replace")


def stop(number, frame):
    hear_no_more()
    raise Stopped(number)


def hear_no_more():
    """From here on no signal stops us: a second Ctrl-C must not break off the clean-up."""
    for number in SIGNALS:
        # Not SIG_IGN: Python complains of a signal that came just before it.
        signal.signal(number, lambda *_: None)


def run_stage(options):
    if options.number is None:
        raise UsageError("Which stage? Give its number, or see run_step.sh --list.")
    stage = find_stage(options.number)
    run = make_run(options, stage)
    started = time.monotonic()
    page = None
    password = lan.new_password() if run.lan else demo.PASSWORD
    with ThreadPoolExecutor(1) as pool:
        try:
            print(f"{stage.heading}\n{stage.idea}\n", flush=True)
            if options.flow:
                # Only here: what draws takes longer to load than all the rest.
                from ..live.flow_page import FlowPage

                page = FlowPage(options.port and options.port + options.instances)
            # In a thread of its own: a signal never breaks off a step of it half-way.
            pool.submit(run.start).result()
            if run.is_final:
                pool.submit(demo.add_users, run, password).result()
            if page:
                page.start(run)
            seconds = time.monotonic() - started
            print(describe(run, page, password))
            print(f"\nReady in {seconds:.1f} s. Ctrl-C stops everything.\n", flush=True)
            follow(run, page, pool)
        finally:
            hear_no_more()
            if page:
                page.let_go()
            run.stop()
            if page:
                page.stop()


def make_run(options, stage):
    folder = own_folder(options.folder) if options.folder is not None else stage.folder
    return Run(
        stage.number,
        folder=folder,
        instances=options.instances,
        port=options.port,
        server=options.server,
        redis_shards=options.redis_shards,
        redis_url=os.environ.get("REDIS_URL") if stage.redis else None,
        redis_layer=os.environ.get("REDIS_LAYER") if stage.redis else None,
        layer=options.layer,
        lan=None if options.lan is None else lan.own_address(stage, options.lan, options.database),
        database=None if options.lan is not None else database_path(options.database, folder),
        trace=options.flow,
    )


def database_path(wanted, folder):
    """The file that is asked for, or the one that is kept for this folder; None if it is in use."""
    if wanted:
        path = wanted.removeprefix("sqlite:///")
        return path if path == wanted else unquote(path)
    RUNS.mkdir(exist_ok=True)
    # Kept from run to run; but two runs at once must not share their messages.
    name = database_name(folder)
    lock = (RUNS / f"{name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    LOCKS.append(lock)
    return RUNS / f"{name}.sqlite3"


# Open, and so locked, until this process ends.
LOCKS = []


def describe(run, page, password):
    server = run.servers[0]
    kind = "WSGI" if server == WSGI_SERVER else "ASGI"
    facts = {} if run.folder == run.stage.folder else {"code": shown(run.folder)}
    facts |= {
        "server": f"{server} ({kind}), {counted(len(run.instances), 'instance')}",
        **describe_layer(run),
        "messages": describe_database(run),
    }
    if run.worker:
        facts["worker"] = f"{' '.join(run.stage.worker)}, process {run.worker.program.pid}"
    facts |= {f"instance {instance.name}": f"{instance.url}/" for instance in run.instances}
    facts["processes"] = describe_processes(run)
    facts |= {"flow page": page.url} if page else {}
    lines = [f"  {name:<12}{value}" for name, value in facts.items()]
    hints = lan.what_to_try(run, password) if run.lan else hints_of(run)
    hints = [hint.format(url=run.url, ws_url=run.ws_url) for hint in hints]
    if page:
        hints.insert(0, f"Open {page.url} next to the chat, and watch each message on its way.")
    lines += ["", "Try", *(f"  {number}. {hint}" for number, hint in enumerate(hints, 1))]
    lines += ["", f"What it still cannot do: {run.stage.still_cannot}"]
    lines += ["", lan.invitation(run)] if run.lan else []
    return "\n".join(lines)


def describe_processes(run):
    """For those who want to see what becomes of a chat when one is killed."""
    return ", ".join(f"{instance.name} is {instance.program.pid}" for instance in run.instances)


def describe_database(run):
    if run.postgres:
        return "PostgreSQL, private: they end with this run"
    if is_url(run.database):
        return printable(run.database)
    path = shown(run.database)
    if run.files.path in run.database.parents:
        path += " (for this run only"
        path += ")" if run.lan else ": another run of this stage has the usual file)"
    return path


def follow(run, page, pool):
    """Print what the servers log and what has ended, until all instances have.

    An instance of chat_final is started again, in the pool's thread: one sees who comes back. With
    a flow page all can be started again there, so only Ctrl-C ends it.
    """
    tails, ended = [Tail(process) for process in run.processes()], {}
    while page or any(instance.program.poll() is None for instance in run.instances):
        for tail in tails:
            tail.print_news()
        for name, part in run.parts().items():
            program, code = part.program, part.program.poll()
            if code is None or ended.get(name) is program:
                continue
            ended[name] = program
            print(f"{name} has ended ({code}).", flush=True)
            if run.is_final and part in run.instances:
                start_again = partial(page.switches.revive, name) if page else part.start
                pool.submit(start_again).result()
                if part.program is not program:
                    print(f"{name} is started again: {describe_processes(run)}.", flush=True)
        time.sleep(0.2)  # a look five times a second; a signal ends it at once
    raise LaunchError("All instances have ended, so the stage has too.")


class Tail:
    """Prints what is new in the log of an instance or worker, each line with its name."""

    def __init__(self, process):
        self.name, self.program = process.name, process.program
        self.file = self.program.log.open(errors="replace")
        self.file.read()  # what it said while it started is not news
        self.rest = ""

    def print_news(self):
        # A line may be written in pieces: wait for its end.
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        for line in lines:
            print(f"{self.name} | {line.rstrip()}", flush=True)
