"""Fixtures for the tests of the scripts."""

from helpers.browser import arrive, browser  # noqa: F401
