"""What a WSGI server is given instead of the stage's application: the same, traced."""

from websockets_channels.wsgi import application as stage_application

from .wsgi_application import traced

application = traced(stage_application)
