# %% 1
from chatflow import reading

dora = await yours.enter_async_context(reading(b, "lobby", "dora"))
await dora.post("dora", "who is here?")
flow = await chat.flow("who is here?", reaches=["dora"])
assert flow.reached() == ["dora"]
