"""Stage `pretrain`: continued pretraining on plain text, loss on every token."""

from typing import Literal

from pydantic import Field

from workbench.specs.adapter import AdapterSection
from workbench.specs.data import DataSection
from workbench.specs.identity import IdentitySection
from workbench.specs.knob import Section, knob
from workbench.specs.model import ModelSection
from workbench.specs.probes import ProbesSection
from workbench.specs.training import TrainingSection
from workbench.specs.vocabulary import VocabularySection


class PretrainSection(Section):
    blocks: Literal["packed", "stream", "rows"] = knob("packed", "Documents into rows", "packed: rows are filled with documents that do not see each other; a long one is cut into pieces. stream: all documents one after the other, an end token between them, cut every so many tokens (the classic way: a row may see the end of another document). rows: each document, or piece of one, is a row of its own.", basic=True)


class PretrainSpec(Section):
    stage: Literal["pretrain"] = "pretrain"
    model: ModelSection = Field(default_factory=ModelSection)
    data: DataSection = Field(default_factory=DataSection)
    pretrain: PretrainSection = Field(default_factory=PretrainSection)
    vocabulary: VocabularySection = Field(default_factory=VocabularySection)
    adapter: AdapterSection = Field(default_factory=AdapterSection)
    training: TrainingSection = Field(default_factory=TrainingSection)
    probes: ProbesSection = Field(default_factory=ProbesSection)

    @property
    def packs(self) -> bool:
        """Whether rows are filled up with documents that do not see each other."""
        return self.pretrain.blocks == "packed"

    @property
    def identity(self) -> IdentitySection:
        """Nobody: text is learned as it stands."""
        return IdentitySection()
