"""A server that writes, in this process."""

import pytest
from openai_server import fake_server


@pytest.fixture
def fake():
    with fake_server() as server:
        yield server
