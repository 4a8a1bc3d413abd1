"""Adapter folders on disk -> adapters attached to a tree: PEFT's under generated ids, and our bottlenecks.

A folder may hold another one, `below/`: it is merged into a copy of the base first.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import runs
from workbench.errors import UserError, Word, nearest
from workbench.models import fitting, vocabulary, weights
from workbench.models.building import BUILDING
from workbench.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import nn

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BELOW = "below"  # an adapter that this one was trained on top of
_BOTTLENECK = ("bottleneck_config.json", "bottleneck_model.safetensors")
_MODEL = ("config.json", "model.safetensors", "model.safetensors.index.json")
# What PEFT calls the methods that can go on -> what they are called in `adapter.type`.
METHODS: Mapping[str, str] = {
    "LORA": "lora", "IA3": "ia3", "PREFIX_TUNING": "prefix", "PROMPT_TUNING": "prompt", "P_TUNING": "prompt",
    "OFT": "oft", "BOFT": "boft", "VERA": "vera", "LOHA": "loha", "LOKR": "lokr", "LN_TUNING": "ln_tuning",
    "TRAINABLE_TOKENS": "trainable_tokens", "BOTTLENECK": "bottleneck",
}  # fmt: skip
_CHECKPOINT = re.compile(r"(?P<run>[^/\\]+)/checkpoint-(?P<step>\d+)")
# Options of LoraConfig that add another computation than B·A·x beside a linear layer.
_OPTIONS_THAT_DO_NOT_MIX = (
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "target_parameters", "layer_replication",
    "alora_invocation_tokens", "arrow_config", "kasa_config", "megatron_config", "velora_config", "monteclora_config",
)  # fmt: skip
_ids = itertools.count(1)


@dataclass(frozen=True)
class AdapterRef:
    """Where an adapter lies. The bare model is the ref named `base`, without a path."""

    name: str  # "base", RUN, RUN/checkpoint-N or a path, as columns name it
    path: Path | None
    run: str | None = None
    step: int | None = None
    base: str = ""  # what its base model is called: the run's model.path, or what the adapter's config says

    def stamp(self) -> tuple[str, int, int]:
        """Changes when the files were replaced by others."""
        status = weights_file(self.path).stat()
        return str(self.path), status.st_mtime_ns, status.st_size


BASE = AdapterRef("base", None)


def find(home: Path) -> list[AdapterRef]:
    """Every whole adapter of the workspace, newest first; half-written ones are left out."""
    found = [(_written(ref), ref) for run in runs.every(home) for ref in of_run(run)]
    return [ref for _, ref in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _written(ref: AdapterRef) -> int:
    try:
        return weights_file(ref.path).stat().st_mtime_ns
    except FileNotFoundError:  # a checkpoint that the trainer deletes just now
        return 0


def locate(home: Path, name: str, *, foreign: bool = True) -> AdapterRef:
    """`base`, a run's name, RUN/checkpoint-N, or a path (contains a separator) to any PEFT folder.

    foreign: whether a path may lead out of the workspace. Raises UserError for what is not there or not whole.
    """
    if name == BASE.name:
        return BASE
    checkpoint = _CHECKPOINT.fullmatch(name)
    if checkpoint and (Path(home) / "runs" / checkpoint["run"]).is_dir():
        return _located_in_run(runs.find(home, checkpoint["run"]), name)
    if "/" in name or "\\" in name:
        return _located_at(Path(home), name, foreign)
    try:
        run = runs.find(home, name)
    except UserError:
        known = ["base", *(ref.name for ref in find(home))]
        raise UserError("adapters.unknown", name=name[:120], nearest=nearest(name, known)) from None
    return _located_in_run(run, name)


def base_of(refs: Iterable[AdapterRef]) -> str:
    """The base model that runs' adapters were trained on, when they agree on one; the embedded one otherwise."""
    bases = {ref.base for ref in refs if ref.run is not None and ref.base}
    return bases.pop() if len(bases) == 1 else "embedded"


def of_run(run: runs.Run) -> Iterator[AdapterRef]:
    """Every whole adapter of one run: its result first, then its checkpoints by step."""
    try:
        base = run.spec().model.path
    except (UserError, OSError):  # a spec of another version still has adapters; their config names the base
        base = ""
    results = [run.directory / name for name in ("adapter", "bottleneck", "model")]
    folders = [(run.name, path) for path in results if path.is_dir()]
    folders += [(f"{run.name}/{path.name}", path) for path in run.checkpoints()]
    for name, path in folders:
        config = read_config(path)
        if (config is not None or is_model(path)) and whole(path):
            step = None if path in results else int(name.rpartition("-")[2])
            named = base or str((config or {}).get("base_model_name_or_path") or "")
            yield AdapterRef(name, path, run.name, step, named)


def weights_file(path: Path) -> Path:
    """The file of an adapter's, a bottleneck's or a model's folder that is written last or names all others."""
    for name in (WEIGHTS, _BOTTLENECK[1], *_MODEL[1:]):
        if (path / name).exists():
            return path / name
    return path / WEIGHTS


def is_model(path: Path) -> bool:
    """A folder with all weights of a model, as full fine-tuning leaves it."""
    return (path / _MODEL[0]).is_file() and not (path / CONFIG).exists() and not (path / _BOTTLENECK[0]).exists()


def whole(path: Path) -> bool:
    if is_model(path):
        return weights_file(path).name in _MODEL and weights.broken(path) is None
    return weights.header(weights_file(path)) is not None


def _located_in_run(run: runs.Run, name: str) -> AdapterRef:
    refs = {ref.name: ref for ref in of_run(run)}
    if name in refs:
        return refs[name]
    there = run.directory / name.partition("/")[2] if "/" in name else run.adapter_path
    if (there / CONFIG).is_file():
        raise UserError("adapters.half_written", path=name[:200], file=weights_file(there).name)
    if refs:
        raise UserError("adapters.not_yet", name=name, nearest=nearest(name, refs))
    raise UserError("adapters.nothing_yet", run=run.name, state=Word(f"states.{run.state()['state']}"))


def _located_at(home: Path, name: str, foreign: bool) -> AdapterRef:
    path = folder_of(home, name, foreign)
    if not path.is_dir():
        raise UserError("adapters.no_folder", path=name[:200])
    config = read_config(path)
    if config is None:
        raise UserError("adapters.no_config", path=name[:200], file=CONFIG)
    if not weights_file(path).exists():
        pickles = weights.pickles(path)
        if pickles:
            raise UserError("adapters.pickle", path=name[:200], file=pickles[0])
    if not whole(path):
        raise UserError("adapters.half_written", path=name[:200], file=weights_file(path).name)
    return AdapterRef(name, path.resolve(), base=str(config.get("base_model_name_or_path") or ""))


def folder_of(home: Path, name: str, foreign: bool) -> Path:
    """A column's path. Raises UserError when it leads out of the workspace and may not (`foreign`)."""
    path = Path(name).expanduser()
    if not foreign:
        inside = home.resolve()
        path = (path if path.is_absolute() else inside / path).resolve()
        if not path.is_relative_to(inside):
            raise UserError("adapters.outside", name=name[:200], home=home.name)
    return path


def read_config(path: Path) -> Mapping[str, Any] | None:
    """adapter_config.json, or a bottleneck's config as one of the type BOTTLENECK; None when there is no whole one.

    `below` is added for an adapter that lies on top of another, `vocabulary` for one with tokens of its own.
    """
    for name in (CONFIG, _BOTTLENECK[0]):
        try:
            config = json.loads((path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(config, dict):
            if name == _BOTTLENECK[0]:
                config["peft_type"] = "BOTTLENECK"
            config |= {BELOW: True} if (path / BELOW).is_dir() else {}
            config |= {"vocabulary": True} if (path / vocabulary.FILE).is_file() else {}
            return config if "peft_type" in config else None
    return None


def shareable(config: Mapping[str, Any]) -> bool:
    """Whether rows with this adapter can stand in one batch with rows of others and of the base.

    A list of what is known to be exact, because the rest of PEFT's family is silently wrong there (IA3, LoHa, OFT …):
    LoRA and rsLoRA of any rank and targets, with modules_to_save and trainable tokens.
    """
    if config.get("peft_type") != "LORA" or changes_base(config):
        return False
    return not any(config.get(option) for option in _OPTIONS_THAT_DO_NOT_MIX)


def scalable(config: Mapping[str, Any]) -> bool:
    """Whether the adapter is nothing but a sum of B·A·x beside linear layers, so that it can be weighted and added."""
    whole = config.get("modules_to_save") or config.get("trainable_token_indices")
    return shareable(config) and not whole


def kind(config: Mapping[str, Any]) -> str:
    """What a sentence calls an adapter that is more than plain LoRA."""
    if config.get("peft_type") != "LORA":
        return str(config.get("peft_type", "?"))
    if config.get("use_dora"):
        return "DoRA"
    for option in ("modules_to_save", "trainable_token_indices", *_OPTIONS_THAT_DO_NOT_MIX):
        if config.get(option):
            return f"LoRA + {option}"
    return "LoRA" if not changes_base(config) else f"LoRA ({config.get('init_lora_weights')})"


def changes_base(config: Mapping[str, Any]) -> bool:
    """Whether attaching writes into base tensors, so that it needs a private copy of them."""
    plain = (True, False, None, "true", "gaussian", "orthogonal", "eva")
    if config.get(BELOW) or config.get("vocabulary"):
        return True
    return config.get("init_lora_weights", True) not in plain or config.get("bias", "none") != "none"


def check_fits(model: nn.Module, ref: AdapterRef) -> None:
    """Raises UserError for a file that is not whole or was trained on another base than the model (bare or PEFT's)."""
    shapes = weights.shapes(ref.path / WEIGHTS)
    if shapes is None:
        raise UserError("adapters.half_written", path=ref.name, file=WEIGHTS)
    fitting.check_fits(model, shapes, ref.name)


def attach(tree: nn.Module, ref: AdapterRef) -> tuple[PeftModel, str]:
    """Load an adapter onto a tree; returns the tree with it (PEFT's around it) and the adapter's generated id.

    tree: a bare tree for the first adapter, the PEFT tree for each further one. The global random state is not drawn
    on, no base tensor is written to. Raises UserError when it does not fit; a PEFT tree on which it failed otherwise
    may be left with half an adapter: throw it away. What `changes_base` needs a tree over tensors of its own.
    """
    from peft import PeftModel

    adapter_id = f"a{next(_ids)}"  # names such as `train`, or with a dot, break inside PEFT
    if (ref.path / BELOW).is_dir():
        tree = merged(tree, AdapterRef(f"{ref.name}/{BELOW}", ref.path / BELOW))
    own = Vocabulary.read(ref.path)
    if own is not None:
        vocabulary.grow(tree, own, ref.name, str((read_config(ref.path) or {}).get("base_model_name_or_path") or ""))
    if (ref.path / _BOTTLENECK[0]).is_file():
        from workbench.models import bottleneck

        return bottleneck.load(tree, ref.path, ref.name), adapter_id
    check_fits(tree, ref)
    device = str(next(tree.parameters()).device)
    options = {"is_trainable": False, "low_cpu_mem_usage": True, "torch_device": device}
    try:
        with BUILDING:
            if isinstance(tree, PeftModel):
                tree.load_adapter(str(ref.path), adapter_id, **options)
            else:
                tree = PeftModel.from_pretrained(tree, str(ref.path), adapter_name=adapter_id, **options)
    except (RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        raise UserError("adapters.cannot_attach", name=ref.name, reason=" ".join(str(error).split())[:200]) from error
    lost = [name for name, parameter in tree.named_parameters() if parameter.is_meta]
    if lost:  # the file lacked weights that its config promises
        raise UserError("adapters.missing_weights", name=ref.name, layer=lost[0].replace(f".{adapter_id}", ""))
    return tree, adapter_id


def merged(tree: nn.Module, ref: AdapterRef) -> nn.Module:
    """A tree over tensors of its own -> the bare tree with the adapter in its weights.

    Raises UserError for what is no sum of weights: virtual prompts and bottlenecks.
    """
    config = read_config(ref.path) or {}
    if config.get("peft_type") in ("BOTTLENECK", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING"):
        raise UserError("adapters.cannot_merge", name=ref.name, kind=config["peft_type"])
    tuned, _ = attach(tree, ref)
    return tuned.merge_and_unload()


def vocabulary_of(path: Path) -> Vocabulary | None:
    """The new tokens that an adapter, or one below it, was trained with."""
    found = Vocabulary.read(path)
    if found is None and (path / BELOW).is_dir():
        return vocabulary_of(path / BELOW)
    return found


def tokenizer_of(path: Path) -> Any:
    """The adapter's own tokenizer, where it has new tokens; None where the base's will do."""
    from transformers import AutoTokenizer

    while not (path / vocabulary.FILE).is_file():
        path = path / BELOW
        if not path.is_dir():
            return None
    return AutoTokenizer.from_pretrained(path, local_files_only=True)


def has_virtual_prompt(tree: nn.Module) -> bool:
    return any(config.is_prompt_learning for config in getattr(tree, "peft_config", {}).values())


def detach(tree: PeftModel, adapter_id: str) -> nn.Module:
    """Take an adapter off; returns the tree to go on with: the bare one after the last adapter."""
    if list(tree.peft_config) == [adapter_id]:
        return tree.unload()  # delete_adapter of the last one leaves a tree whose forward fails
    tree.delete_adapter(adapter_id)
    return tree
