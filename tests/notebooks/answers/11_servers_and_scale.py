# %% 1
a_tenth = plan(1_000_000, assumed, under["daphne"])
half = plan(1_000_000, replace(assumed, online=0.5), under["daphne"])
assert min(a_tenth.instances, a_tenth.databases) > 1
assert a_tenth.shards == 1
assert min(half.instances, half.databases, half.shards) > 1, "now it is all three"

# %% 2
daphne, uvicorn = (plan(10_000_000, assumed, costs) for costs in under.values())
assert 0 < daphne.instances - uvicorn.instances < daphne.instances / 2
assert under["uvicorn"].delivery_us < under["daphne"].delivery_us / 3
idle = daphne.sockets * under["uvicorn"].socket_us
sent = daphne.deliveries_per_second * under["uvicorn"].delivery_us
assert idle > 5 * sent, "most of the work is to keep a million idle sockets"
