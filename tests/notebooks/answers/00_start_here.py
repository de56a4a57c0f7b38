# %% 2
async def tell_them(chat):
    async with reading(chat, "lobby") as bob, reading(chat, "tea") as carol:
        await post(chat, "lobby", "alice", "did you hear me?")
        return await bob.next(within=5), carol.inbox.empty()


async with stage(5) as chat:
    heard, nothing = await tell_them(chat)
assert heard["text"] == "did you hear me?"
assert nothing, "rooms are isolated"
