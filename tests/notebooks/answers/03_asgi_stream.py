# %% 1
# Twice the clients: the raw WSGI program and Django have twice the threads, the raw ASGI program
# has one. (Fewer here than in the text, so that it does not take long.)
found = {}
async with (
    lab("raw_wsgi", server="gunicorn", options=["--threads", "41"]) as wsgi,
    lab("raw_asgi", server="daphne") as asgi,
):
    for waiting in (20, 40):
        async with (
            waiting_clients(wsgi, waiting) as in_wsgi,
            waiting_clients(asgi, waiting) as in_asgi,
        ):
            found[waiting] = in_wsgi["threads"], in_asgi["threads"]
            await told_to_wake(wsgi)
            await until_waiting(wsgi, 0, within=10)
assert found == {20: (22, 1), 40: (42, 1)}

# %% 2
# Bob, Carol and one stranger take three of the four threads, and Alice's POST the fourth.
program.STRANGERS = 1
try:
    async with stage(2, trace=True) as chat:
        one = await program.three_clients(chat)
finally:
    program.STRANGERS = 3
assert [row.spans[0].kind for row in rows] == ["lost"] * 3
assert "lost" not in [row.spans[0].kind for row in one]
