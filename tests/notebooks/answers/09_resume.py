# %% 1
away = await ten_seconds(chat, after=0)
assert away.twice == ["can you hear me?"], "and his client should have noticed, by its seq"

# %% 2
newest = len(stored(chat, "lobby"))
async with connect(a, "lobby", "bob", after=1_000_000) as bob:
    assert json.loads(await bob.recv()) == {"type": "caught_up", "seq": newest}
    # Taken at its word, the consumer would wait for message 1,000,001.
    assert (await say(bob, "heard all the same"))["seq"] == newest + 1
