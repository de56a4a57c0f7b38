# %% 1
carol = await connect(c, "carol")
await carol.send('{"type": "post", "author": "carol", "text": "we are three"}')
three = await chat.flow("we are three", reaches=["alice", "bob", "carol"])
more = len(three.only("redis").hops) - len(two.only("redis").hops)
assert more == 6
# %% 2
b.kill()
await alice.send('{"type": "post", "author": "alice", "text": "are you there?"}')
alone = await chat.flow("are you there?", within=1)
assert alone.unreached() == ["bob"]
labels = [hop.label for hop in alone.only("redis").hops]
assert "ZADD queue of B" in labels, "it waits in Redis"
assert "ZADD inflight of B" not in labels
