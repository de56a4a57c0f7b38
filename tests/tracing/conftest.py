"""What the tests of this folder share: stages that run traced."""

import pytest


@pytest.fixture(scope="package")
def traced(started_once):
    """Call it with a number for that stage with two instances, traced; one run for all tests."""
    with started_once(trace=True) as get:
        yield get
