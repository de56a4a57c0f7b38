# %% 1
TEST = """
    async def test_frame_that_is_no_json_is_refused_in_words(self):
        alice = await connected()
        await alice.send_to(text_data="no JSON")
        self.assertEqual(await alice.receive_json_from(), {"v": 1, "error": OLD})
        await alice.disconnect()
"""
MENDED = """
    @classmethod
    async def decode_json(cls, text):
        try:
            return await super().decode_json(text)
        except ValueError:
            return None
"""
with (project.folder / "chat/tests.py").open("a") as file:
    file.write(TEST)
red = await tried(project, ["communicator"])
assert red.found == {"communicator": "red"}
assert "JSONDecodeError" in red.error
with (project.folder / consumers).open("a") as file:
    file.write(MENDED)
assert (await tried(project, ["communicator"])).found == {"communicator": "green"}

# %% 2
copy = project.copy((page, "frame.text ?? frame.error", "frame.txt"))
outcome = await tried(copy)
assert outcome.found["communicator"] == outcome.found["two servers"] == "green"
assert outcome.found["browser"] in {"red", "left out"}

# %% 3
mine = project.copy((consumers, case, 'case {"v": 2, "body": str(text)}:'))
assert (await answers_of({"mine": mine}))["mine"] == {
    "last year's page": "in words",
    "today's page": "in words",
    "next year's page": "taken",
}
