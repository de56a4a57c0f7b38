"""`run_step.sh --lan`: a stage for the phones in this machine's network, and what that means."""

import io
import ipaddress
import secrets
import socket
import sys

from ..basics.catalog import stages
from ..basics.errors import UsageError

# Nobody's (RFC 5737): we only ask which of our addresses a packet to it would leave from.
ELSEWHERE = "198.51.100.1"

MEANING = """\
What this means
  Anyone in this network can open the chat, sign up, and read along: it is plain HTTP, so even
  passwords pass through the network as they are typed. Do this only in a network whose people you
  trust, never in that of a café, a hotel or a station; and take a password that you use nowhere
  else."""


def own_address(stage, wanted="", database=None):
    """The address of this machine to listen on, in the network of the phones. Raises UsageError."""
    check_stage(stage)
    if database:
        # Its users may have the password that is published, and it was not written for all eyes.
        raise UsageError("--lan has a database of its own, for one run only: leave --database out.")
    address = wanted or way_out()
    if trouble := trouble_with(address):
        raise UsageError(f"--lan cannot use {address}: {trouble}")
    return address


def check_stage(stage):
    if stage.can["unforgeable"] == "no":
        why = "anyone in your network could write in it under any name"
    elif stage.can["resumes"] == "no":
        why = "a phone that loses the network for a moment would miss messages"
    else:
        return
    able = [one.key for one in stages() if one.can["unforgeable"] == one.can["resumes"] == "yes"]
    able = " and ".join(able)
    raise UsageError(f"Stage {stage.key} stays on this machine: {why}. --lan is for {able}.")


def way_out():
    """The address from which this machine reaches others. Raises UsageError if it reaches none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # No packet is sent: connecting such a socket only chooses the way.
            probe.connect((ELSEWHERE, 9))
        except OSError:
            raise UsageError(
                "--lan found no network: connect this machine to the one that the phone is in, "
                "or name this machine's address, as in --lan 192.168.1.5."
            ) from None
        return probe.getsockname()[0]


def trouble_with(address):
    """Why others in a network of one's own cannot use this address; None if they can."""
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        return "give an IPv4 address of this machine, as in 192.168.1.5."
    if parsed.is_unspecified:
        return "it stands for all networks at once; name this machine's address in one of them."
    if parsed.is_loopback:
        return "only this machine reaches it; leave --lan out, or name an address in a network."
    if parsed.is_global:
        return "it belongs to the public Internet, where anyone could come in."
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return "it is not an address of this machine."


def new_password():
    """For the users to try it with: the usual one is published. Easy to type on a phone."""
    return f"{secrets.randbelow(10**8):08}"


def what_to_try(run, password):
    enter = "Sign up here and on the phone, and enter the same room."
    if run.is_final:
        enter = f"Log in as alice here and as bob on the phone (password: {password}), in one room."
    return [
        enter,
        "Flight mode on, write on the phone and here, flight mode off: both have everything, once.",
        "Does the phone find nothing? It must be in this network, not in a guest network, and a "
        f"firewall of this machine must let in port {run.instances[-1].port}.",
    ]


def invitation(run):
    """What a phone needs, and what its owner should know."""
    # The last instance's: with two of them the phone and this screen are on different ones.
    url = f"{run.instances[-1].url}/"
    return f"On a phone in the same network, scan this or open {url}\n\n{qr_code(url)}\n{MEANING}"


def qr_code(text):
    """Drawn in half blocks, if what we print on can show them."""
    try:
        "▀▄█".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return "(A QR code needs a terminal that shows UTF-8.)\n"
    # Only here: without --lan nobody waits until it is loaded.
    import segno

    drawn = io.StringIO()
    segno.make(text, micro=False).terminal(drawn, compact=True, border=2)
    lines = drawn.getvalue().splitlines()
    if sys.stdout.isatty():
        # White on black, whatever the terminal's own colours: some phones read no negative.
        lines = [f"\x1b[97;40m{line}\x1b[0m" for line in lines]
    return "\n".join(lines) + "\n"
