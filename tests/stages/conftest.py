"""Fixtures for the tests of the stages."""

from helpers.browser import arrive, browser  # noqa: F401
