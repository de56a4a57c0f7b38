# %% 1
tickets = [ticket] + [await without_cookies.get_ticket(app, token) for _ in range(9)]
for one in tickets:
    both = await asyncio.gather(*(without_cookies.enter(app, "ticket", one) for _ in range(2)))
    # `cache.delete` says True to one of them, though `cache.get` may have found it for both.
    assert sorted(map(str, both)) == ["4401", "hello, alice"]
await running.__aexit__(None, None, None)
