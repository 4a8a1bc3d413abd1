"""What every method of training can be asked: a tree to begin with, its weights on it, saving, going on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workbench.errors import UserError
from workbench.models import adapters, trees, vocabulary
from workbench.models.adapters import AdapterRef
from workbench.models.vocabulary import Vocabulary
from workbench.specs import Spec
from workbench.stages.methods import joined, start
from workbench.stages.methods.joined import Part

if TYPE_CHECKING:
    import torch
    from transformers import TrainerCallback

    from workbench.data.render import Rendered
    from workbench.models.hub import Base

Result = Literal["adapter", "model", "bottleneck"]
KINDS: dict[str, Callable[[Spec, AdapterRef | None], Method]] = {}


class Method:
    """Subclasses with a `kind` register themselves. A method serves one run."""

    kind: ClassVar[str] = ""
    result: ClassVar[Result] = "adapter"  # the folder of a run that holds what was learned
    rows_may_touch: ClassVar[bool] = True  # whether rows can lie end to end: not behind a virtual prompt
    learns_tokens: ClassVar[bool] = False  # whether it can train the embeddings of new tokens
    learns_head: bool = False  # whether what learns sits in lm_head, where a loss that reads `lm_head.weight` misses it

    def __init_subclass__(cls) -> None:
        if cls.kind:
            KINDS[cls.kind] = cls

    def __init__(self, spec: Spec, start: AdapterRef | None = None) -> None:
        """start: the adapter to begin with, or to put a new one on top of (`adapter.continue_as`)."""
        self.spec = spec
        self.section = spec.adapter
        self.start = start
        self.below: Path | None = None  # the adapter that what is saved needs under it
        self.below_part: Part | None = None  # the same where it can be written into what is saved
        self.vocabulary: Vocabulary | None = None  # new tokens, whose embeddings learn too
        self.base_path: Path | None = None
        self.notes: list[str] = []  # for the log

    # -- before -----------------------------------------------------------------------------------------------------
    @property
    def changes_base(self) -> bool:
        """Whether base tensors are written to, so that they must be nobody else's."""
        return False

    def tree(self, base: Base) -> Any:
        """Modules to begin with: over the shared tensors, or over a copy of them where the method writes into them."""
        self.base_path = base.path
        if self.start is not None:
            self.below = self.start.path if self.stacks else self.start.path / adapters.BELOW
            self.below = self.below if self.below.is_dir() else None
        if self.vocabulary is not None and not self.learns_tokens:
            raise UserError("vocabulary.wrong_method", kind=self.section.type)
        if not self.changes_base and self.below is None and self.vocabulary is None:
            return trees.tree(base.model)
        if self.spec.model.quantization != "none":
            raise UserError("methods.quantised", kind=self.title, quantization=self.spec.model.quantization)
        own = trees.private_copy(base.model)
        if self.below is not None:
            own = self._merged(own).requires_grad_(False)
        if self.vocabulary is not None:
            vocabulary.grow(own, self.vocabulary, self.spec.adapter.continue_from, self.spec.model.path)
            self.notes.append(f"{len(self.vocabulary.tokens)} new tokens: {self.vocabulary.size} in all")
        return own

    def _merged(self, own: Any) -> Any:
        ref = adapters.AdapterRef(self.start.name, self.below)
        config = adapters.read_config(self.below) or {}
        self.notes.append(f"{ref.name} is merged into a private copy of the base; the new weights learn on top of it")
        if not joined.is_plain(config):
            return adapters.merged(own, ref)
        tuned, name = adapters.attach(own, ref)
        self.below_part = joined.Part.of(tuned, name=name)
        return tuned.merge_and_unload()

    @property
    def stacks(self) -> bool:
        return self.start is not None and self.section.continue_as == "stack"

    @property
    def continues(self) -> bool:
        return self.start is not None and self.section.continue_as == "same"

    def save_below(self, folder: Path) -> None:
        """The adapter that this one was trained on top of, beside it."""
        if self.below is not None:
            start.copy(self.below, folder / adapters.BELOW)

    @property
    def title(self) -> str:
        """The method as a refusal names it."""
        return "stack" if self.stacks else self.section.type

    def put_on(self, model: Any, tokenizer: Any, rows: Sequence[Rendered]) -> Any:
        """The tree with this method's weights on it, those and no others asking for gradients.

        The global random numbers are drawn on: the caller has seeded them.
        """
        raise NotImplementedError

    # -- while training ---------------------------------------------------------------------------------------------
    def callbacks(self, model: Any) -> list[TrainerCallback]:
        return []

    def optimizer(self, model: Any, kind: type, options: dict[str, Any]) -> torch.optim.Optimizer | None:
        """An optimizer of the method's own, given the class and options that the spec chose; None for the usual one."""
        return None

    def extra_loss(self, model: Any) -> torch.Tensor | None:
        """A term beside the cross entropy."""
        return None

    @property
    def copyable(self) -> bool:
        """Whether a copy of PEFT's state, taken between two steps, is what `save` would write."""
        return False

    # -- saving and going on ----------------------------------------------------------------------------------------
    def save(self, model: Any, folder: Path) -> None:
        """What was learned, as anybody loads it."""
        raise NotImplementedError

    def save_checkpoint(self, model: Any, folder: Path) -> None:
        """What was learned, with what only `restore` needs beside it."""
        self.save(model, folder)

    def restore(self, model: Any, folder: Path) -> None:
        """Bring `model`, on which this method was put anew, to where the checkpoint was: bit for bit."""
        raise NotImplementedError
