# %% 2
deliver, publish = LINES.split("        await self.publish")
changed = "        await self.publish" + publish + deliver
flow = (await six_with(changed)).without("redis")
ways = [(hop.source, hop.target) for hop in flow.hops]
hint, own = ways.index(("hub/A", "layer/redis-1")), ways.index(("server/A", "client/alice"))
assert hint < own, "Alice waits until Redis has taken the hint, or until that was given up"
assert len(flow.reached()) == 6, "and nobody loses anything"

# %% 3
busy = 1000 * 3 * costs().redis_us / 1e6  # seconds of each second
assert 0.01 < busy < 0.5, "some per cent of a Redis, for nothing new"
