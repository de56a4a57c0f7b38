# %% 2
for _ in range(3):
    await socket.send("please")
first, second, third = [json.loads(await socket.recv()) for _ in range(3)]
# Events of one connection are handled one after the other, in order.
assert first["end"] <= second["begin"]
assert second["end"] <= third["begin"]

# %% 3
queries = await slow_queries.ask_together(app, ["own-threads"] * 5)
assert slow_queries.most_at_a_time(queries) == 2, "the lab's THREADS"
assert len({query["thread"] for query in queries}) == 2
