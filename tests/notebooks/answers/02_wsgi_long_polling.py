# %% 2
async with (
    variant(2, "gunicorn.conf.py", "threads = 4", "threads = 8") as folder,
    stage(2, folder=folder) as chat,
    Visitor(chat, "alice") as alice,
):
    await alice.open("lobby")
    readers = await crowd(chat, 8)
    assert await posted(alice, "eight are waiting") == "no answer"

# %% 3
# At worst a message waits for the next look: 10 looks in ten seconds, 1 s; 5 looks, 2 s; 1, 10 s.
async with stage(2) as chat:
    async with counted(chat) as (address, reloads), Visitor(address, "bob") as bob:
        await post(chat, "one", "alice", "message 1 of 5")
        page = await bob.open("one")
    async with counted(chat) as (address, polls), polling_reader(address, "two", "bob") as bob:
        for text in TEXTS:
            await post(chat, "two", "alice", text)
            await bob.next()
assert reloads.requests == 1
assert "message 1 of 5" in page.text
assert reloads.bytes > polls.bytes, "a single look is dearer than the whole talk"
