# %% 2
async def tell_from_b(chat):
    here, there = chat.instances
    async with reading(here, "race", "bob") as bob, reading(there, "race", "carol") as carol:
        await write(there, "alice")
        return (await carol.next(within=5))["text"], bob.inbox.empty()


async with stage(5, instances=2) as chat:
    assert await tell(chat) == ("WebSocket", ["bob"]), "as in lane 05"
    heard, nothing = await tell_from_b(chat)
assert heard == "Did you hear me?"
assert nothing, "each process has a layer of its own"
