# %% 1
class Careful(OwnLayer):
    async def receive(self, channel):
        while True:
            for (number,) in self.db.execute(NEXT, (channel, time.time())).fetchall():
                await asyncio.sleep(0.1)
                for (message,) in self.db.execute(TAKE, (number,)).fetchall():
                    return json.loads(message)
            await asyncio.sleep(0.02)


class Hasty(OwnLayer):
    async def receive(self, channel):
        read = NEXT.replace("SELECT id", "SELECT id, message")
        while True:
            for number, message in self.db.execute(read, (channel, time.time())).fetchall():
                await asyncio.sleep(0.1)
                self.db.execute(TAKE, (number,)).fetchall()
                return json.loads(message)
            await asyncio.sleep(0.02)


async def how_many(kind):
    layers = kind(path), kind(path)
    await layers[0].send("jobs", {"type": "job"})
    waiting = [asyncio.create_task(layer.receive("jobs")) for layer in layers]
    done, left = await asyncio.wait(waiting, timeout=1)
    for task in left:
        task.cancel()
    return len(done)


assert [await how_many(kind) for kind in (Careful, Hasty)] == [1, 2]

# %% 2
sent = {"type": "job", 7: "seven"}
for layer in (own, memory):
    await layer.send("jobs", sent)
assert await own.receive("jobs") == {"type": "job", "7": "seven"}, "json.dumps makes it text"
assert await memory.receive("jobs") == sent
