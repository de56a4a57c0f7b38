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
async with Visitor(chat, "alice", fresh=True) as alice:
    await alice.log_in()
    async with connect(chat, "lobby", "alice", session=alice.session) as socket:
        await alice.log_out()
        async with asyncio.timeout(10):  # two seconds, and what a busy machine adds
            await socket.wait_closed()
assert socket.close_code == 4401
