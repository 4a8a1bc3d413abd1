"""A run's directory -> a trained adapter in it: the only caller of `.train()`, in whatever thread it is called.

It waits for its turn in the workspace, owns state.json meanwhile, and ends in exactly one of finished, stopped, failed.
"""

from __future__ import annotations

import errno
import importlib
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import notices
from workbench.errors import Quoted, WorkbenchError
from workbench.locales import LANGUAGES
from workbench.memory.device import chosen
from workbench.models import abilities
from workbench.runs import Run, utc_now
from workbench.specs import Spec, conflicts, flatten, to_mapping
from workbench.train import guard, memory_retry, room, rows, vocabulary
from workbench.train import resume as resuming
from workbench.train.expected import expected_bytes, settled
from workbench.train.heart import Heart
from workbench.train.log import RunLog, libraries_logged
from workbench.train.progress import OnProgress, Progress
from workbench.train.turns import Cancelled, turn

if TYPE_CHECKING:
    from workbench.models.hub import Base, Hub

# Below this many parameters two threads only wait for each other (measured: up to 20 times slower on a busy machine).
_ONE_THREAD_PARAMETERS = 30_000_000


def train(run: Run, *, hub: Hub, resume: bool = False, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Train a run to its end and answer with its last state.

    resume: go on from the newest checkpoint; the curve then equals that of a run that was never stopped.
    Raises UserError when there is nothing to resume. Whatever fails later is told by the state: "failed" with `reason`
    (one English sentence), `reasons` (one per language) and `outside` (these without what rows of data say); the
    traceback is in log.txt. KeyboardInterrupt passes through.
    """
    if resume:
        resuming.check_resumable(run)
        run.stop_path.unlink(missing_ok=True)
    tell = on_progress or _nobody
    log = RunLog(run.log_path)
    state = _in_turn(run, hub, log, tell, on_progress)
    notices.tell(run, state, log)
    return state


def _in_turn(run: Run, hub: Hub, log: RunLog, tell: OnProgress, on_progress: OnProgress | None) -> dict[str, Any]:
    with Heart(run) as heart, libraries_logged(log):
        heart.enter("queued", phase="waiting", reason="", reasons=None, ended=None)
        try:
            tell(Progress("waiting"))
            with turn(run.home, heart.stop_requested):
                return _train(run, hub, heart, log, tell, on_progress)
        except Cancelled:
            return _end(heart, log, "stopped", WorkbenchError("train.stopped_waiting"))
        except KeyboardInterrupt:
            _end(heart, log, "interrupted", WorkbenchError("train.interrupted"))
            raise
        except Exception as error:
            log(traceback.format_exc())
            return _end(heart, log, "failed", _explained(error, run))
        finally:
            run.stop_path.unlink(missing_ok=True)
            _release_memory()


def _train(
    run: Run, hub: Hub, heart: Heart, log: RunLog, tell: OnProgress, on_progress: OnProgress | None
) -> dict[str, Any]:
    spec, began = run.spec(), time.monotonic()
    # Lines are taken back also when there is no checkpoint to go on from: the run then begins anew.
    took_back = run.metrics_path.exists() or run.probes_path.exists()
    checkpoint = resuming.prepare(run)
    heart.enter(
        "running",
        phase="preparing",
        started=run.stored_state()["started"] or utc_now(),
        generation=run.generation() + took_back,
    )
    tell(Progress("preparing"))
    log(f"begin {run.name}" + (f", from {checkpoint.name}" if checkpoint else ""))

    for clash in conflicts.find(spec):  # a spec.yaml may come from elsewhere; what cannot work was refused at the start
        if clash.refuses:
            raise clash.error
        log(f"note: {clash.error.text('en')}")
    for note in abilities.notes(spec.model.dtype, chosen(spec.model.device).kind):
        log(f"note: {note.text('en')}")
    records = rows.collect(run, spec, log)
    tokenizer = vocabulary.tokenizer_of(run, spec, hub)
    rendered = rows.render_all(records.records, tokenizer, spec, log, run.home)
    held_out = rows.render_all(records.held_out, tokenizer, spec, log, run.home) if records.held_out else []
    base = replace(hub.load(spec.model), tokenizer=tokenizer)
    abilities.check(flatten(to_mapping(spec, all_values=True)), str(base.device))
    importlib.import_module(f"workbench.stages.{spec.stage}")  # its libraries count among what this process holds
    left_open = spec.training.gradient_checkpointing == "auto"
    spec = settled(run, spec, rendered, base, log)
    heart.note(estimated_memory_bytes=expected_bytes(run, spec, rendered, base))
    before = run.stored_state()
    pieces, checkpointing = before.get(memory_retry.PIECES, 1), before.get(memory_retry.CHECKPOINTING, "")
    if left_open and not spec.training.gradient_checkpointing and memory_retry.can_checkpoint(spec, base.model):
        checkpointing = "auto"
        heart.note(**{memory_retry.CHECKPOINTING: checkpointing})
    with _threads(spec, base), hub.held(base):
        while True:
            pass_ = _Pass(
                run, memory_retry.in_pieces(spec, pieces), hub, base, rendered, held_out, heart, log, on_progress
            )
            if pieces > 1:
                pass_.why = WorkbenchError("train.in_smaller_batches", **memory_retry.sizes(spec, pieces))
            elif checkpointing == "eased":
                pass_.why = WorkbenchError("train.with_checkpointing")
            try:
                return pass_.go(checkpoint, tell, began)
            except Exception as error:
                if not memory_retry.is_out_of_memory(error):
                    raise
                easier = memory_retry.easier(spec, pieces, checkpointing)
                if easier is None:
                    raise WorkbenchError("train.row_too_large", step=_last_step(run)) from error
                spec, pieces = easier
                sizes = memory_retry.sizes(spec, pieces)
                kind = "checkpointing" if checkpointing == "auto" else "batches"
                if checkpointing == "auto":
                    checkpointing = "eased"
                    run.change_spec(spec)  # a resume computes in the same way
                tried = {memory_retry.PIECES: pieces, memory_retry.CHECKPOINTING: checkpointing}
                if not spec.training.retry_on_out_of_memory:
                    heart.note(**tried)  # what a resume goes on with
                    raise WorkbenchError(f"train.out_of_memory_{kind}", step=_last_step(run), **sizes) from error
            # Outside the handler: the error's frames hold the tensors of the step that did not fit.
            used = _used_bytes()
            del pass_
            _release_memory()
            freed = max(0, used - _used_bytes()) // 2**20
            checkpoint = resuming.prepare(run)
            step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
            why = WorkbenchError(f"train.going_on_{kind}", freed=freed, step=step, **sizes)
            log(why.text("en"))
            heart.enter(
                "running",
                phase="preparing",
                generation=run.generation() + 1,
                reason=why.text("en"),
                reasons={language: why.text(language) for language in LANGUAGES},
                **tried,
            )


class _Pass:
    """One trainer from a checkpoint (or the beginning) to the end, or to where memory ran out."""

    def __init__(
        self,
        run: Run,
        spec: Spec,
        hub: Hub,
        base: Base,
        rendered: list[Any],
        held_out: list[Any],
        heart: Heart,
        log: RunLog,
        on_progress: OnProgress | None,
    ) -> None:
        self.run, self.spec, self.hub, self.base, self.heart, self.log = run, spec, hub, base, heart, log
        self.rendered, self.held_out, self.on_progress = rendered, held_out, on_progress
        self.best: Any = None
        self.report: Any = None
        self.why: WorkbenchError | None = None  # what there is to say of a run that came to its end

    def go(self, checkpoint: Path | None, tell: OnProgress, began: float) -> dict[str, Any]:
        from workbench.train import callbacks

        trainer, heart, log = self._trainer(), self.heart, self.log
        log(f"ready after {time.monotonic() - began:.1f} s; {_trainable(trainer.model):,} weights learn")
        room.check(trainer, self.run.directory, log)
        trainer.resumed_from = checkpoint
        copied = trainer.model if trainer.method.copyable else None
        with self.hub.live.published(self.run.name, copied) as live:
            # Before the others: probes asked at a step's end must not keep the weights locked.
            trainer.callback_handler.callbacks.insert(0, callbacks.ShareWeights(live))
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            finally:
                if self.report is not None:
                    self.report.close()
        step, total = trainer.state.global_step, trainer.state.max_steps
        heart.note(step=step, total_steps=total, phase="saving")
        early = self.best is not None and self.best.stopped_early
        if step:
            tell(Progress("saving", step, total))
            if self.spec.training.load_best_model_at_end and (early or step >= total):
                log(f"result: {trainer.take_best()}")
            _save_result(self.run, trainer)
            heart.note(result=trainer.method.result)
        why = WorkbenchError("train.stopped_early", step=step, best=f"{self.best.best:.4f}") if early else self.why
        state = "finished" if early or step >= total else "stopped"
        return _end(heart, log, state, why, seconds=time.monotonic() - began)

    def _trainer(self) -> Any:
        """The stage's trainer on a tree of its own, with metrics, stop and probes around it."""
        import copy

        from workbench.stages import methods
        from workbench.train import callbacks, probes, reports

        run, spec, base = self.run, self.spec, self.base
        texts = [row.text for row in self.rendered]
        watching = guard.Guard(texts, self.log, stops_explosions=spec.training.stop_when_loss_explodes)
        curve = callbacks.Curve(run, self.heart, watching, self.on_progress)
        around = [curve, callbacks.StopOnRequest(self.heart)]
        questions = probes.of_spec(spec, run.home)
        if questions:
            questioner = probes.Questioner(questions, base.tokenizer, spec.data.template)
            around.append(callbacks.AskProbes(questioner, spec.probes.every, curve, self.heart))
        if self.held_out:
            around.append(callbacks.EvaluateLast())
            training = spec.training
            self.best = callbacks.KeepBest(
                run, training.early_stopping_patience, training.early_stopping_threshold,
                saves=training.load_best_model_at_end or training.early_stopping_patience > 0,
            )  # fmt: skip
            around.append(self.best)
        if spec.training.report_to != "none":
            self.report = reports.Report(run, spec, self.log)
            around.append(self.report)
        # The trainer may set a padding token: on a copy, because everybody shares the hub's tokenizer.
        tokenizer = copy.deepcopy(base.tokenizer)
        method = methods.of(spec, run.home, run.directory)
        stage = importlib.import_module(f"workbench.stages.{spec.stage}")  # one module per stage, each with a `build`
        trainer = stage.build(
            spec, method.tree(base), tokenizer, self.rendered, run.directory, around, self.held_out, method
        )
        curve.trainer = watching.trainer = trainer
        for note in method.notes:
            self.log(note)
        if trainer.layout_note:
            self.log(trainer.layout_note)
        return trainer


def _save_result(run: Run, trainer: Any) -> None:
    from workbench.stages.saving import written_beside

    trainer.refuse_broken_weights()
    with written_beside(run.directory / trainer.method.result) as beside:
        trainer.method.save(trainer.model, beside)


def _end(
    heart: Heart, log: RunLog, state: str, why: WorkbenchError | None, seconds: float | None = None
) -> dict[str, Any]:
    reason = why.text("en") if why else ""
    reasons = {language: why.text(language) for language in LANGUAGES} if why else None
    outside = {language: why.text(language, outside=True) for language in LANGUAGES} if why else None
    log(f"{state}" + (f" after {seconds:.1f} s" if seconds is not None else "") + (f": {reason}" if reason else ""))
    return heart.enter(state, reason=reason, reasons=reasons, outside=outside, ended=utc_now(), phase="")


def _explained(error: Exception, run: Run) -> WorkbenchError:
    if isinstance(error, WorkbenchError):
        return error
    if memory_retry.is_out_of_memory(error):  # outside of the steps
        return WorkbenchError("train.no_memory", step=_last_step(run))
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkbenchError("train.disk_full", step=_last_step(run))
    lines = str(error).strip().splitlines() or [""]
    return WorkbenchError("train.defect", kind=type(error).__name__, text=Quoted(lines[0][:300], "…"))


def _last_step(run: Run) -> int:
    return max((row["step"] for row in run.metrics()), default=0)


@contextmanager
def _threads(spec: Spec, base: Base) -> Iterator[None]:
    """How many cores this thread's tensor operations use; the old number comes back."""
    import torch

    before = torch.get_num_threads()
    wanted = spec.training.num_threads
    if not wanted:
        small = sum(value.numel() for value in base.model.parameters()) < _ONE_THREAD_PARAMETERS
        wanted = 1 if small else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(wanted or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _trainable(model: Any) -> int:
    return sum(value.numel() for value in model.parameters() if value.requires_grad)


def _used_bytes() -> int:
    """What this process holds on the accelerator, or on a machine without one in memory."""
    import psutil
    import torch

    if torch.accelerator.is_available():
        return torch.accelerator.memory_reserved()
    return psutil.Process().memory_info().rss


def _release_memory() -> None:
    from workbench.models.hub import release_memory

    release_memory()


def _nobody(progress: Progress) -> None:
    pass
