"""Documents as rows of tokens, a module tree of the base and a spec -> a trainer of its method (continued pretraining).

The same trainer as supervised fine-tuning has; here every token takes loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from workbench.data.render import Rendered
from workbench.errors import UserError
from workbench.specs.pretrain import PretrainSpec
from workbench.stages import methods, sft
from workbench.stages.methods.method import Method


def build(
    spec: PretrainSpec,
    model: Any,
    tokenizer: Any,
    rows: Sequence[Rendered],
    run_dir: Path,
    callbacks: Sequence[TrainerCallback] = (),
    held_out: Sequence[Rendered] = (),
    method: Method | None = None,
) -> sft.SftTrainer:
    """rows: of `render_documents`. Raises UserError where packed documents would see each other."""
    method = method or methods.of(spec)
    if spec.packs and not method.rows_may_touch:
        raise UserError("pretrain.virtual_prompt", kind=spec.adapter.type)
    return sft.build(spec, model, tokenizer, rows, run_dir, callbacks, held_out, method)
