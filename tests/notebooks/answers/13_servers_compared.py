# %% 1
mine = {
    ("http2", "granian"): "yes",
    ("ping_default", "granian"): "no",
    ("sigterm_client", "granian"): "1006",
    ("reset_in", "granian"): "1005",
    ("largest", "granian"): "1 MiB",  # wrong on purpose: a grade of six of six would show little
    ("lifespan", "granian"): "startup, shutdown",
}
assert graded(mine, kept) == 5
assert guessing.share("servers", mine) == (5, 6)

# %% 2
one = await five_at_once.leave_streams(apps["uvicorn"])
assert one == {"idle": "CancelledError", "beat": "CancelledError", "raw": "runs on"}
# send() says nothing there; receive() does, under each: asked in a task of its own beside it.
assert set(those(kept, "http_leaves", "http.disconnect")) == set(kept["columns"])

# %% 3
assert those(kept, "sigterm_client", "1006") == ["daphne", "granian", "gunicorn-asgi"]
assert those(kept, "sigterm_client", "1012") == ["uvicorn"]
