"""Stage `pretrain`: continued pretraining on plain text, loss on every token."""

from typing import Literal

from pydantic import Field

from workbench.specs.identity import IdentitySection
from workbench.specs.knob import Section, knob
from workbench.specs.stage import Learning, Subject


class PretrainSection(Section):
    blocks: Literal["packed", "stream", "rows"] = knob("packed", "Documents into rows", "packed: rows are filled with documents that do not see each other; a long one is cut into pieces. stream: all documents one after the other, an end token between them, cut every so many tokens (the classic way: a row may see the end of another document). rows: each document, or piece of one, is a row of its own.", basic=True)


class _Documents(Subject):
    stage: Literal["pretrain"] = "pretrain"
    pretrain: PretrainSection = Field(default_factory=PretrainSection)


class PretrainSpec(Learning, _Documents):
    @property
    def packs(self) -> bool:
        """Whether rows are filled up with documents that do not see each other."""
        return self.pretrain.blocks == "packed"

    @property
    def identity(self) -> IdentitySection:
        """Nobody: text is learned as it stands."""
        return IdentitySection()
