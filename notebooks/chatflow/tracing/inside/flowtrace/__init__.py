"""Tracing for a stage, put round it from outside: no line of the stage knows of it.

The launcher puts this folder's parent on PYTHONPATH and names two things of ours instead of the
stage's: the settings (`settings.py`, which wrap the channel layer and load the app `flowtrace`)
and the application that the server calls (`asgi.py` or `wsgi.py`). Uses only what the stage has.
`recorder` writes the hops; `passed` says what of an event may be shown, and `lines` which line of
the stage runs; the other modules stand where a hop goes by, and tell it.
"""
