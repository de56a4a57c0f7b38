# %% 1
async with connect(trusting, "lobby", "alice", origin="https://partner.example") as socket:
    assert socket.response.status_code == 101, "a page of the partner's"
try:
    async with connect(trusting, "lobby", "alice", origin="http://partner.example"):
        status = 101
except websockets.InvalidStatus as refusal:
    status = refusal.response.status_code
assert status == 403, "the whole origin counts, here too"

# %% 2
import time

async with Visitor(chat, "alice", fresh=True) as alice:
    await alice.log_in()
    async with connect(chat, "lobby", "alice", session=alice.session) as socket:
        await alice.log_out()
        began = time.monotonic()
        await socket.wait_closed()
assert socket.close_code == 4401
assert time.monotonic() - began < 2 + 8, "two seconds at most, and what a busy machine adds"
