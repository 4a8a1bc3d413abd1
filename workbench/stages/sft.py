"""Rendered conversations, a module tree of the base and a spec -> a trainer of its method (supervised fine-tuning)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy, pad
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

from workbench.data.render import Rendered
from workbench.models.building import BUILDING
from workbench.specs import Spec
from workbench.stages import methods
from workbench.stages.batches import IGNORED, Collator, Layout, count_tokens
from workbench.stages.methods.method import Method
from workbench.stages.random_state import preserved
from workbench.stages.saving import WholeCheckpoints


def build(
    spec: Spec,
    model: Any,
    tokenizer: Any,
    rows: Sequence[Rendered],
    run_dir: Path,
    callbacks: Sequence[TrainerCallback] = (),
    held_out: Sequence[Rendered] = (),
    method: Method | None = None,
) -> SftTrainer:
    """A trainer of what the spec's method puts on `model`, a module tree of its own (`Method.tree`).

    The seed decides the method's first weights, the order of the rows and the dropout. Building it resets the
    process's accelerator state, so only the one thread that trains may.
    """
    method = method or methods.of(spec)
    device, dtype = next(model.parameters()).device, model.dtype
    set_seed(spec.training.seed)
    learning = method.put_on(model, tokenizer, rows)
    if method.learns_head:  # TRL refuses this for the sake of its fused head, which is not used then
        learning.get_output_embeddings = lambda: None
    with BUILDING:
        trainer = SftTrainer(
            model=learning,
            args=arguments(spec, run_dir, device, dtype, evaluates=bool(held_out)),
            train_dataset=_dataset(rows),
            eval_dataset=_dataset(held_out) if held_out else None,
            processing_class=tokenizer,
            data_collator=None if spec.data.packing else Collator(_pad_token(tokenizer)),
            callbacks=[*method.callbacks(learning), *callbacks],
        )
    learning.__dict__.pop("get_output_embeddings", None)
    trainer.method = method
    trainer.remove_callback(PrinterCallback)  # stdout belongs to the caller
    trainer.keep_boundaries()
    if device.type == "cpu" and not spec.data.packing and method.rows_may_touch:
        trainer.lay_flat_if_exact()
    return trainer


def arguments(spec: Spec, run_dir: Path, device: torch.device, dtype: torch.dtype, evaluates: bool) -> SFTConfig:
    """The spec's knobs under their own names, and what follows from the device."""
    knobs = spec.training.model_dump(exclude={"num_threads"})
    return SFTConfig(
        **knobs,
        output_dir=str(run_dir),
        max_length=spec.data.max_length,
        packing=spec.data.packing,
        dataset_kwargs=None if spec.data.packing else {"skip_prepare_dataset": True},
        per_device_eval_batch_size=spec.training.per_device_train_batch_size,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=spec.training.save_steps,
        use_cpu=device.type == "cpu",
        bf16=dtype == torch.bfloat16,
        fp16=dtype == torch.float16 and device.type != "cpu",
        dataloader_pin_memory=device.type == "cuda",
        remove_unused_columns=spec.data.packing,
        logging_nan_inf_filter=False,  # it would hide the NaN that our guard looks for
        disable_tqdm=True,
        report_to="none",
    )


class SftTrainer(WholeCheckpoints, SFTTrainer):
    """SFTTrainer whose loss on a CPU computes logits only where there is something to learn.

    TRL's fused head saves gigabytes of logits on a GPU and is kept there; on a CPU it costs about 45 % more time per
    step than this plain forward. Losses agree within 1e-6 (tests/stages/test_sft.py).
    """

    tokens_seen = 0  # in this session, padding left out
    layout_note = ""  # for the log

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        weights = inputs.pop("weights", None)
        if self.model.training:
            self.tokens_seen += count_tokens(inputs)
        if inputs["input_ids"].device.type != "cpu" and weights is None and not self.method.learns_head:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if return_outputs:
            raise ValueError("the outputs hold logits of trained positions only; ask for the loss alone")
        per_token, chosen = trained_losses(model, inputs)
        if weights is not None:
            per_token = per_token * pad(weights[:, 1:], (0, 1))[chosen]
        return per_token.sum() / (num_items_in_batch or max(int(chosen.sum()), 1))

    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = super().training_step(model, inputs, num_items_in_batch)
        extra = self.method.extra_loss(self.model)
        if extra is not None:  # its gradient only: the curve shows the cross entropy
            self.accelerator.backward(extra / self.current_gradient_accumulation_steps)
        return loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # counting the parameters anew costs a millisecond a step, and nobody reads the number

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        with preserved():  # an evaluation alone would change the training curve
            return super().evaluate(*args, **kwargs)

    def lay_flat_if_exact(self) -> None:
        """Lay rows end to end where that is cheaper, if this architecture then computes the same: tried on rows."""
        rows = [self.train_dataset[index] for index in range(min(2, len(self.train_dataset)))]
        padded = Collator(self.data_collator.pad_token_id)
        flat = Collator(padded.pad_token_id, Layout(per_token=1, per_pair=0))
        was_training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                losses = [trained_losses(self.model, collate([*rows, rows[0]]))[0] for collate in (padded, flat)]
            same = losses[0].shape == losses[1].shape and torch.allclose(*losses, atol=1e-4, rtol=1e-4)
        except (TypeError, ValueError):  # an architecture that takes no position_ids
            same = False
        finally:
            self.model.train(was_training)
        self.layout_note = "rows lie end to end where that is less work" if same else "rows are padded side by side"
        if same:
            self.data_collator = Collator(padded.pad_token_id, Layout.of(bare(self.model)))


def trained_losses(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """(losses of shape (N,), mask of shape (B, T) with N true places): cross entropy where the next token takes loss.

    A hook hands the head only those positions: logits of a prompt or of padding are never computed.
    """
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "weights")}
    targets = pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    chosen = targets != IGNORED

    def only_chosen(_, given):  # a virtual prompt stands before the text
        hidden = given[0]
        return (hidden[:, hidden.shape[1] - chosen.shape[1] :][chosen], *given[1:])

    hook = bare(model).get_output_embeddings().register_forward_pre_hook(only_chosen)
    try:
        logits = model(**inputs, use_cache=False).logits  # (N, vocab)
    finally:
        hook.remove()
    return cross_entropy(logits.float(), targets[chosen], reduction="none"), chosen


def bare(model: Any) -> Any:
    """The model of transformers inside PEFT's wrapper, if there is one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _dataset(rows: Sequence[Rendered]) -> Dataset:
    columns: dict[str, list[Any]] = {
        "input_ids": [row.input_ids for row in rows],
        "labels": [row.labels for row in rows],
    }
    if any(row.weights for row in rows):
        columns["weights"] = [row.weights for row in rows]
    return Dataset.from_dict(columns)


def _pad_token(tokenizer: Any) -> int:
    # Padding is masked everywhere, so any token can stand there.
    return tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (tokenizer.eos_token_id or 0)
