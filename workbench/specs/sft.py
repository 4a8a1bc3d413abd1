"""Stage `sft`: supervised fine-tuning on conversations, loss on the answers."""

from typing import Literal

from pydantic import Field

from workbench.specs.adapter import AdapterSection
from workbench.specs.data import DataSection
from workbench.specs.identity import IdentitySection
from workbench.specs.knob import Section
from workbench.specs.model import ModelSection
from workbench.specs.probes import ProbesSection
from workbench.specs.training import TrainingSection
from workbench.specs.vocabulary import VocabularySection


class SftSpec(Section):
    stage: Literal["sft"] = "sft"
    model: ModelSection = Field(default_factory=ModelSection)
    data: DataSection = Field(default_factory=DataSection)
    identity: IdentitySection = Field(default_factory=IdentitySection)
    vocabulary: VocabularySection = Field(default_factory=VocabularySection)
    adapter: AdapterSection = Field(default_factory=AdapterSection)
    training: TrainingSection = Field(default_factory=TrainingSection)
    probes: ProbesSection = Field(default_factory=ProbesSection)

    @property
    def packs(self) -> bool:
        """Whether rows are filled up with conversations that do not see each other."""
        return self.data.packing
