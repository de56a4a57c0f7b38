"""What an ASGI server is given instead of the stage's application: the same, traced."""

from websockets_channels.asgi import application as stage_application

from .asgi_application import traced

application = traced(stage_application)
