"""Stage `sft`: supervised fine-tuning on conversations, loss on the answers."""

from typing import Literal

from pydantic import Field

from workbench.specs.identity import IdentitySection
from workbench.specs.stage import Learning, Subject


class _Conversations(Subject):
    stage: Literal["sft"] = "sft"
    identity: IdentitySection = Field(default_factory=IdentitySection)


class SftSpec(Learning, _Conversations):
    @property
    def packs(self) -> bool:
        """Whether rows are filled up with conversations that do not see each other."""
        return self.data.packing
