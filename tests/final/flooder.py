"""A client that posts as fast as it can: flooder.py URL ORIGIN SESSION SECONDS.

It comes back a second after its socket was closed, and in the end prints the close codes as a JSON
list. It is a program of its own, so that it takes no time from those who measure.
"""

import contextlib
import json
import os
import sys
import time

import websockets
from websockets.sync.client import connect

FRAME = json.dumps({"type": "post", "text": "buy now!"})


def main(url, origin, session, seconds):
    os.nice(19)  # elsewhere it would have a processor of its own
    codes, give_up_at = [], time.monotonic() + float(seconds)
    headers = {"Cookie": f"sessionid={session}"}
    while time.monotonic() < give_up_at:
        opening = connect(url, origin=origin, additional_headers=headers, max_queue=None)
        with opening as socket, contextlib.suppress(websockets.ConnectionClosed):
            while True:
                socket.send(FRAME)
        codes.append(socket.protocol.close_code)
        time.sleep(1)
    print(json.dumps(codes))


if __name__ == "__main__":
    main(*sys.argv[1:])
