"""Read by `gunicorn websockets_channels.wsgi` when it starts in this folder."""

# One process with four threads: four requests at a time, and not one more.
workers = 1
threads = 4

# One line per request, in the terminal.
accesslog = "-"

# One second for open requests when the server stops; gunicorn's own default is 30.
graceful_timeout = 1

# Otherwise gunicorn keeps a control socket in the home folder.
control_socket_disable = True
