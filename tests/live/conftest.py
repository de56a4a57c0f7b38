"""Fixtures for the tests of the live page."""

from helpers.browser import arrive, browser  # noqa: F401
