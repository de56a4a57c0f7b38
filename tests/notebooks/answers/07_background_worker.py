# %% 1
def steps(flow):
    return [hop.target.split("/")[0] for hop in jobs.without_commands(flow).hops]


for text in ("/roll 2d1", "/roll 2d6"):
    await say(alice, text)
    await jobs.heard_until(bob, text)
    await bob.recv()
one_sided, six_sided = [await chat.flow(text) for text in ("/roll 2d1", "/roll 2d6")]
assert steps(one_sided) == steps(six_sided), "none: the dice are the worker's affair"

# %% 2
one, two = (RedisChannelLayer([chat.redis[0].url], prefix="mine") for _ in range(2))
await one.send("spare", {"type": "job"})
assert await one._brpop_with_clean(0, "minespare", 1), "taken, and not yet crossed out"
assert await two.receive("spare") == {"type": "job"}, "put back by ZADD, and taken again"
assert "redis.call('ZADD', ARGV[1]" in inspect.getsource(RedisChannelLayer._brpop_with_clean)
for layer in (one, two):
    await layer.close_pools()

# %% 3
workers = folder / "chat/workers.py"
command = 'elif job["text"] == MATCH and'
flip = 'elif job["text"] == "/flip":\n            await say_as_bot(room_name, "heads")\n        '
workers.write_text(workers.read_text().replace(command, flip + command))
chat.worker.stop()
chat.worker.start()
await say(alice, "/flip")
await jobs.heard_until(bob, "heads")
assert stored(chat, BOT)[-1] == "heads", "only the worker: no server runs these lines"
