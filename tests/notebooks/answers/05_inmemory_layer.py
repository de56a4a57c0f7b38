# %% 1
await yours.enter_async_context(connect(a, "lobby", "alice"))
carol = await yours.enter_async_context(connect(b, "lobby", "carol"))
await yours.enter_async_context(connect(b, "lobby", "erin"))
await carol.send('{"type": "post", "author": "carol", "text": "who is here?"}')
flow = await chat.flow("who is here?")
assert sorted(flow.reached()) == ["carol", "erin"]
assert flow.unreached() == ["alice"]


# %% 2
def joins():
    return [hop for hop in chat.tracing.hops() if hop.label.startswith("group_add")]


before = len(joins())
async with connect(a, "lobby", "frank"), connect(a, "kitchen", "frank"):
    joined = joins()[before:]
assert {hop.label for hop in joined} == {"group_add chat_lobby", "group_add chat_kitchen"}
assert len({hop.detail["channel"] for hop in joined}) == 2, "a socket has one consumer, one channel"
