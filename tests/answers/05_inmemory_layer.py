# %% 1
from chatflow import reading

dora = await yours.enter_async_context(reading(b, "lobby", "dora"))
await dora.post("dora", "who is here?")
flow = await chat.flow("who is here?", reaches=["dora"])
assert flow.reached() == ["dora"]


# %% 2
def joins():
    return [hop for hop in chat.tracing.hops() if hop.label.startswith("group_add")]


before = len(joins())
async with connect(a, "lobby", "erin"), connect(a, "kitchen", "erin"):
    joined = joins()[before:]
assert {hop.label for hop in joined} == {"group_add chat_lobby", "group_add chat_kitchen"}
assert len({hop.detail["channel"] for hop in joined}) == 2, "a socket has one consumer, one channel"
