"""Knobs -> TRL's arguments."""

import pytest
import torch

from workbench.errors import UserError
from workbench.specs import parse
from workbench.stages.arguments import arguments, settings

CPU = torch.device("cpu")


def made(tmp_path, evaluates=False, **changes):
    return arguments(parse(changes), tmp_path / "run", CPU, torch.float32, evaluates)


def test_every_knob_reaches_the_argument_of_its_name(tmp_path):
    given = {
        "training.lr_scheduler_type": "cosine_with_restarts", "training.lr_scheduler_kwargs": "num_cycles=2",
        "training.optim": "ademamix_8bit", "training.optim_args": "alpha=3, beta3=0.99", "training.adam_beta2": 0.95,
        "training.neftune_noise_alpha": 5, "training.loss_type": "dft", "training.data_seed": 7,
        "training.train_sampling_strategy": "sequential", "training.report_to": "tensorboard",
    }  # fmt: skip
    args = made(tmp_path, **given)
    assert args.lr_scheduler_kwargs == {"num_cycles": 2} and args.optim_args == "alpha=3,beta3=0.99"
    assert (args.optim, args.adam_beta2, args.neftune_noise_alpha) == ("ademamix_8bit", 0.95, 5.0)
    assert (args.loss_type, args.data_seed, args.train_sampling_strategy) == ("dft", 7, "sequential")
    assert (args.report_to, args.load_best_model_at_end) == ([], False)  # both ours to do


def test_zero_and_empty_mean_off_or_as_the_other_knob_says(tmp_path):
    args = made(tmp_path, evaluates=True, **{"training.save_steps": 30, "training.per_device_train_batch_size": 4})
    assert (args.neftune_noise_alpha, args.data_seed, args.optim_args) == (None, None, None)
    assert (args.eval_steps, args.per_device_eval_batch_size, args.report_to) == (30, 4, [])
    args = made(tmp_path, evaluates=True, **{"training.eval_steps": 7, "training.per_device_eval_batch_size": 2})
    assert (args.eval_steps, args.per_device_eval_batch_size, args.metric_for_best_model) == (7, 2, "eval_loss")


def test_settings_that_are_no_pairs_are_refused_with_their_knob():
    assert settings("a=1, b=0.5,c=true, d=x", "training.optim_args") == {"a": 1, "b": 0.5, "c": True, "d": "x"}
    with pytest.raises(UserError, match="training.optim_args: “momentum”"):
        settings("momentum", "training.optim_args")
