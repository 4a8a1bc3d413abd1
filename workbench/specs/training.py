"""Section `training`: the optimizer's path, named as transformers.TrainingArguments names it."""

from typing import Literal

from workbench.specs.knob import Section, knob

_ARGS = "transformers.TrainingArguments"


class TrainingSection(Section):
    learning_rate: float = knob(2e-4, "Learning rate", "Size of a step. LoRA likes 1e-4 to 1e-3; too high and the loss jumps.", gt=0.0, le=1.0, receiver=_ARGS, basic=True)
    num_train_epochs: float = knob(3.0, "Epochs", "How often every row is seen.", gt=0.0, le=10_000, receiver=_ARGS, basic=True)
    max_steps: int = knob(-1, "Steps at most", "-1: as many as the epochs need.", ge=-1, le=10_000_000, receiver=_ARGS)
    per_device_train_batch_size: int = knob(8, "Batch size", "Rows computed at once on each device.", ge=1, le=4096, unit="rows", receiver=_ARGS, basic=True)
    gradient_accumulation_steps: int = knob(1, "Gradient accumulation", "Batches added up before one optimizer step: a larger batch in the same memory.", ge=1, le=4096, receiver=_ARGS)
    retry_on_out_of_memory: bool = knob(True, "Go on when memory runs out", "From the last checkpoint, in less memory: first with gradient checkpointing where that was left open (auto), then with half the batch and twice the accumulation, the same effective batch. Off: the run fails, and a resume does so.", topic="resources")
    loss_type: Literal["nll", "dft"] = knob("nll", "Loss", "nll: negative log-likelihood. dft: each token weighted by its own probability, which trusts unlikely answers less and generalises better on reasoning (Wu et al. 2025).", receiver="trl.SFTConfig")
    router_aux_loss_coef: float = knob(0.0, "Balance of the experts", "Mixture-of-experts models: weight of the term that spreads tokens evenly over the experts (their config.json names the one of their pretraining, often 0.001). 0: left out, as fine-tuning usually does.", ge=0.0, le=10.0, receiver="trl.SFTConfig")
    stop_when_loss_explodes: bool = knob(True, "Stop when the loss explodes", "A loss far above a blind guess, three log lines in a row, stops the run with the rows of that batch; the last checkpoint is kept.")
    lr_scheduler_type: Literal["linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt", "warmup_stable_decay", "reduce_lr_on_plateau", "greedy"] = knob("cosine", "Schedule", "How the learning rate changes over the run. reduce_lr_on_plateau and greedy follow the evaluation loss.", receiver=_ARGS, topic="optimizer")
    lr_scheduler_kwargs: str = knob("", "Schedule's own settings", "name=value joined by commas: num_cycles=2 (cosine_with_restarts), min_lr_rate=0.1 (cosine_with_min_lr), num_decay_steps=50 (warmup_stable_decay), power=2 (polynomial).", receiver=_ARGS, max_length=300, topic="optimizer")
    warmup_steps: float = knob(0, "Warm-up", "Steps in which the learning rate rises from zero; below 1: a part of the run (0.1 is a tenth).", ge=0, le=1_000_000, unit="steps", receiver=_ARGS, topic="optimizer")
    optim: Literal[
        "adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop", "ademamix", "lion_32bit",
        "adamw_8bit", "ademamix_8bit", "lion_8bit", "rmsprop_bnb_8bit",
        "paged_adamw_32bit", "paged_adamw_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit", "paged_lion_32bit", "paged_lion_8bit",
    ] = knob("adamw_torch", "Optimizer", "adamw_torch is the safe choice; adafactor and 8-bit ones keep less beside the weights; paged ones move it to the host's memory when the GPU is full; lion wants a third of the learning rate.", receiver=_ARGS, topic="optimizer")  # fmt: skip
    optim_args: str = knob("", "Optimizer's own settings", "name=value joined by commas: momentum=0.9 (sgd), alpha=5 (ademamix).", receiver=_ARGS, max_length=300, topic="optimizer")
    weight_decay: float = knob(0.0, "Weight decay", "Pulls weights towards zero.", ge=0.0, le=1.0, receiver=_ARGS, topic="optimizer")
    max_grad_norm: float = knob(1.0, "Gradient clipping", "Longer gradients are shortened to this norm; 0 turns it off.", ge=0.0, le=1e6, receiver=_ARGS, topic="optimizer")
    adam_beta1: float = knob(0.9, "Adam β₁", "How long the mean of the gradients remembers.", ge=0.0, lt=1.0, receiver=_ARGS, topic="optimizer")
    adam_beta2: float = knob(0.999, "Adam β₂", "How long the mean of their squares remembers; 0.95 to 0.98 for large batches.", ge=0.0, lt=1.0, receiver=_ARGS, topic="optimizer")
    adam_epsilon: float = knob(1e-8, "Adam ε", "Keeps the step finite where gradients vanish.", gt=0.0, le=1.0, receiver=_ARGS, topic="optimizer")
    neftune_noise_alpha: float = knob(0.0, "NEFTune noise", "Noise on the embeddings while training: longer, livelier answers from instruction data; 5 is usual, 0 is off (Jain et al. 2023).", ge=0.0, le=1000.0, receiver=_ARGS)
    train_sampling_strategy: Literal["random", "group_by_length", "sequential"] = knob("random", "Order of the rows", "group_by_length puts rows of similar length into a batch: less padding. sequential keeps the order of the file.", receiver=_ARGS)
    logging_steps: int = knob(1, "Log every", "Steps between two points of the curve.", ge=1, le=1_000_000, unit="steps", receiver=_ARGS, topic="records")
    save_steps: int = knob(100, "Save every", "Steps between two checkpoints, from which a run can resume.", ge=1, le=10_000_000, unit="steps", receiver=_ARGS, topic="records")
    save_total_limit: int = knob(3, "Checkpoints kept", "Older ones are deleted; the best one (by evaluation loss) stays beside them.", ge=1, le=10_000, receiver=_ARGS, topic="records")
    eval_steps: int = knob(0, "Evaluate every", "Steps between two looks at the held-out rows; 0: at every save. Needs data.eval_fraction.", ge=0, le=10_000_000, unit="steps", receiver=_ARGS, topic="evaluation")
    per_device_eval_batch_size: int = knob(0, "Evaluation batch", "Rows computed at once in an evaluation; 0: as in training.", ge=0, le=4096, unit="rows", receiver=_ARGS, topic="evaluation")
    load_best_model_at_end: bool = knob(False, "Keep the best", "The result is the checkpoint with the lowest evaluation loss instead of the last one; a new best is saved at once.", receiver=_ARGS, topic="evaluation")
    early_stopping_patience: int = knob(0, "Early stopping", "End after this many evaluations without a better loss; 0: never.", ge=0, le=1000, receiver="transformers.EarlyStoppingCallback", topic="evaluation")
    early_stopping_threshold: float = knob(0.0, "Smallest improvement", "An evaluation loss must fall by more than this to count as better.", ge=0.0, le=100.0, receiver="transformers.EarlyStoppingCallback", topic="evaluation")
    seed: int = knob(42, "Seed", "Of the adapter's first weights, dropout and order. Same seed, same data, same machine: same curve.", ge=0, le=2**32 - 1, receiver=_ARGS)
    data_seed: int = knob(-1, "Seed of the data", "Of the split, the mix and the order of the rows; -1: the same as the seed. Lets two runs differ in nothing but their data's order.", ge=-1, le=2**32 - 1, receiver=_ARGS)
    gradient_checkpointing: Literal["auto"] | bool = knob("auto", "Gradient checkpointing", "Compute activations twice instead of keeping them: much less memory, up to a third slower. auto: only where the memory estimate says that it does not fit without.", receiver=_ARGS, topic="resources")
    torch_compile: bool = knob(False, "Compile the model", "torch.compile: minutes at the start, then faster steps on a GPU; gains nothing in short runs.", receiver=_ARGS, topic="resources")
    report_to: Literal["none", "tensorboard", "trackio", "wandb", "swanlab"] = knob("none", "Report to", "Also send the curve to TensorBoard or Trackio (files of this machine), W&B or SwanLab (their service, with your own login; without one it stays in the run's folder and can be sent later).", receiver=_ARGS, topic="records")
    num_threads: int = knob(0, "CPU threads", "0: one for small models (more threads only wait for each other), otherwise all cores.", ge=0, le=1024, topic="resources")

    @property
    def seed_of_data(self) -> int:
        """What split, mix and order are drawn from."""
        return self.seed if self.data_seed < 0 else self.data_seed
