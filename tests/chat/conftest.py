"""An engine over a workspace of its own, and the model section that is asked with."""

import pytest

from workbench.chat.engine import Engine
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection


@pytest.fixture
def engine(home):
    made = Engine(Hub(), home)
    yield made
    made.close()


def section(folder) -> ModelSection:
    return ModelSection(path=str(folder), device="cpu")
