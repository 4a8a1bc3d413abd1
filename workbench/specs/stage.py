"""The sections that every stage has. Bases stand in a spec from the last to the first: `class Spec(Learning, Subject)`."""

from pydantic import Field

from workbench.specs.adapter import AdapterSection
from workbench.specs.data import DataSection
from workbench.specs.knob import Section
from workbench.specs.model import ModelSection
from workbench.specs.probes import ProbesSection
from workbench.specs.training import TrainingSection
from workbench.specs.vocabulary import VocabularySection


class Subject(Section):
    """What learns, and from what."""

    model: ModelSection = Field(default_factory=ModelSection)
    data: DataSection = Field(default_factory=DataSection)


class Learning(Section):
    """How it learns, and how one sees that it does."""

    vocabulary: VocabularySection = Field(default_factory=VocabularySection)
    adapter: AdapterSection = Field(default_factory=AdapterSection)
    training: TrainingSection = Field(default_factory=TrainingSection)
    probes: ProbesSection = Field(default_factory=ProbesSection)
