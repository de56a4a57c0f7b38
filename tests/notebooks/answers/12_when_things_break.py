# %% 1
async def redis_hangs(chat, alice, bob, text):
    chat.redis[0].freeze()
    await alice.write(text)
    await flow_of(chat, text)
    chat.redis[0].thaw()


new = await through(chat, redis_hangs)
assert new.told == new.stored == ["before", "during", "after"]
assert not [hop for hop in new.flow.hops if hop.lost], "nothing fails: there is no answer"
assert ("database", "hub") in map(kinds, new.flow.hops)

# %% 2
waiting = []


async def both_are_killed(chat, alice, bob, text):
    for instance in chat.instances:
        await asyncio.to_thread(instance.kill)
    await alice.write(text)
    waiting.extend(alice.outbox)
    for instance in chat.instances:
        await asyncio.to_thread(instance.start)


new = await through(chat, both_are_killed)
assert [frame["text"] for frame in waiting] == ["during both-are-killed"], "in her page"
assert new.told == new.stored == ["before", "during", "after"]
assert new.alice == new.bob == [1006]

# %% 3
in_the_end = await answer_is_lost(chat, forget_ids=True)
assert in_the_end == ["did you get this?", "did you get this?"]
