"""The faulty addresses: the first request loads them, and so shortens what no setting can."""

from faulty_urls import urlpatterns  # noqa: F401

from chat import sending

sending.SLOW_SECONDS = 4
