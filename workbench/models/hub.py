"""A spec's model section -> its base model, loaded once for everybody in the process."""

from __future__ import annotations

import gc
import importlib.util
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import heap
from workbench.errors import UserError
from workbench.models import abilities, sources, weights
from workbench.models.building import BUILDING
from workbench.models.live import LiveRuns
from workbench.specs.model import ModelSection

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

OnProgress = Callable[[float], None]  # between 0 and 1; what it raises ends the loading
_ROOM = 1.15  # what a model takes while it is loaded, to what it holds afterwards
_BYTES = {"nf4": 0.65, "int8": 1.2}  # per parameter, with what stays in full precision


@dataclass(frozen=True, eq=False)
class Base:
    """A base model in memory. Nobody runs, wraps or patches `model` itself: take `trees.tree(base.model)`."""

    key: tuple[Any, ...]
    path: Path
    name: str  # "embedded", a folder's name or a hub name
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    dtype: torch.dtype
    device: torch.device

    @property
    def memory_bytes(self) -> int:
        tensors = {id(tensor): tensor for tensor in (*self.model.parameters(), *self.model.buffers())}
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


class Hub:
    """Base models by key; two requests for one model load it once, requests for two models do not wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loading: dict[tuple[Any, ...], threading.Lock] = {}
        self._bases: dict[tuple[Any, ...], Base] = {}
        self.token: str | None = None  # for gated models, typed into the page; never written anywhere
        self._tokenizers: dict[tuple[str, bool], PreTrainedTokenizerBase] = {}
        self._used: dict[tuple[Any, ...], int] = {}
        self._uses = itertools.count()
        self._held: Counter[tuple[Any, ...]] = Counter()
        self._watchers: list[Callable[[tuple[Any, ...]], None]] = []
        self.live = LiveRuns()  # weights that are being learned, by run

    def load(self, section: ModelSection, *, progress: OnProgress | None = None) -> Base:
        """The base model with frozen weights in eval mode. Raises UserError for a model that cannot be had.

        While a model is loaded for the first time, those that nobody holds and that were not used for the longest time
        leave until there is room.
        """
        report = _rising(progress or _silent)
        report(0.0)
        path = self.resolve_path(section.path, progress=report)
        device = _device(section.device)
        dtype = _dtype(section.dtype, device)
        attention = section.attn_implementation
        key = (str(path), str(dtype), section.quantization, attention, str(device), section.trust_remote_code)
        with self._lock:
            turn = self._loading.setdefault(key, threading.Lock())
        with turn:
            if key not in self._bases:
                tokenizer = self.tokenizer(section)
                self._make_room(_bytes_needed(path, section, dtype), device)
                model = _load(path, section, dtype, device, report)
                self._bases[key] = Base(key, path, _name(section.path), model, tokenizer, dtype, device)
            self._used[key] = next(self._uses)
            base = self._bases[key]
        report(1.0)
        return base

    @contextmanager
    def held(self, base: Base) -> Iterator[None]:
        """While it lasts the model does not leave by itself (a training computes with its tensors)."""
        with self._lock:
            self._held[base.key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[base.key] -= 1

    def _make_room(self, needed: int, device: torch.device) -> None:
        """Idle models leave, the longest unused first, until so many bytes are free or none is idle."""
        while _free_bytes(device) < needed:
            with self._lock:
                idle = [key for key, base in self._bases.items() if not self._held[key] and base.device == device]
            if not idle:
                return  # it is tried all the same: the system may swap, and says so itself when it cannot
            self.unload(min(idle, key=lambda key: self._used.get(key, 0)))

    def resolve_path(self, path: str, *, progress: OnProgress | None = None) -> Path:
        """The folder behind `embedded`, a folder or a hub name (downloaded now unless it is in the cache)."""
        return sources.folder(path, progress or _silent, self.token)

    def tokenizer(self, section: ModelSection) -> PreTrainedTokenizerBase:
        """The tokenizer without the weights; the same object for every caller, so nobody may change it."""
        path = self.resolve_path(section.path)
        key = (str(path), section.trust_remote_code)
        with self._lock:
            if key not in self._tokenizers:
                self._tokenizers[key] = _load_tokenizer(path, section.trust_remote_code)
            return self._tokenizers[key]

    def resident(self) -> list[Base]:
        """The base models in memory."""
        return list(self._bases.values())

    def on_unload(self, watcher: Callable[[tuple[Any, ...]], None]) -> None:
        """Told the key of every base model that leaves, before its memory is collected: to let go of trees over it."""
        self._watchers.append(watcher)

    def unload(self, key: tuple[Any, ...]) -> None:
        """Forget a base model and give its memory back, as soon as no tree holds its tensors any more."""
        self._bases.pop(key, None)
        for watcher in self._watchers:
            watcher(key)
        release_memory()


def release_memory() -> None:
    """Collect what nobody holds and give freed pages back to the system (and the device)."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    heap.trim()


def _bytes_needed(path: Path, section: ModelSection, dtype: torch.dtype) -> int:
    per_parameter = _BYTES.get(section.quantization, dtype.itemsize)
    return int(weights.parameters(path) * per_parameter * _ROOM)


def _free_bytes(device: torch.device) -> int:
    import psutil
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def _rising(report: OnProgress) -> OnProgress:
    """Never backwards: a download's total grows with each file that is found."""
    highest = 0.0

    def tell(fraction: float) -> None:
        nonlocal highest
        highest = max(highest, fraction)
        report(highest)

    return tell


def _silent(fraction: float) -> None:
    pass


def _name(path: str) -> str:
    return Path(path).name if Path(path).is_dir() else path


def _device(wanted: str) -> torch.device:
    import torch

    if wanted == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        if found is None:
            return torch.device("cpu")
        return found if found.type == "mps" else torch.device(found.type, 0)
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    # torch raises AssertionError for a back end that it was built without
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError("hub.no_device", device=wanted, devices=", ".join(abilities.devices())) from None
    return device


def _dtype(wanted: str, device: torch.device) -> torch.dtype:
    import torch

    if wanted == "auto":
        if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.float16
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    return getattr(torch, wanted)


def _load_tokenizer(path: Path, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=trust_remote_code)
    except Exception as error:  # tokenizers raises a bare Exception for a file it cannot parse
        raise _explained(path, error, "hub.no_tokenizer") from error


def _load(
    path: Path, section: ModelSection, dtype: torch.dtype, device: torch.device, report: OnProgress
) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # a bar per load on stderr tells nothing that the page does not
    sources.check_weights(path)
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "local_files_only": True}
    if section.attn_implementation != "auto":
        abilities.check_attention(section.attn_implementation, device.type)
        options["attn_implementation"] = section.attn_implementation
    if section.quantization != "none":
        options |= {"quantization_config": _quantization(section.quantization, dtype), "device_map": {"": device}}
    try:
        with BUILDING, _progress_of(report):
            model, found = AutoModelForCausalLM.from_pretrained(
                path, output_loading_info=True, trust_remote_code=section.trust_remote_code, **options
            )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _explained(path, error, "hub.cannot_load") from error
    if found["missing_keys"]:  # transformers would go on with random numbers in their place
        names = sorted(found["missing_keys"])
        raise UserError("hub.missing_weights", path=path, count=len(names), names=", ".join(names[:3]))
    if section.quantization == "none":
        model = model.to(device)
    else:
        _settle_quantised(model)
    return model.requires_grad_(False).eval()


@contextmanager
def _progress_of(report: OnProgress) -> Iterator[None]:
    """transformers' own bar over the weights, as fractions. Its hook is one for the process: under BUILDING."""
    from transformers.utils import logging

    def watched(_factory: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        items = list(args[0]) if args else []
        return _Counted(items, report) if options.get("desc") == "Loading weights" else _Counted(items, _silent)

    before = logging.set_tqdm_hook(watched)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


class _Counted:
    """As much of a progress bar as loading uses."""

    def __init__(self, items: list[Any], report: OnProgress) -> None:
        self._items, self._report = items, report

    def __iter__(self) -> Iterator[Any]:
        for number, item in enumerate(self._items):
            self._report(number / len(self._items))
            yield item

    def __enter__(self) -> _Counted:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None  # set_description, update, close …


def _quantization(kind: str, dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("hub.no_bitsandbytes", kind=kind)
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def _settle_quantised(model: PreTrainedModel) -> None:
    """Before any tree exists: nothing that a forward pass would change in the shared tensors is left to change."""
    for module in model.modules():
        kind = type(module).__name__
        if kind == "Linear4bit":
            # An eval forward would repack the weights for AVX512 in place; gradients taken of them in another tree
            # are then wrong by 92 %, with a loss that looks normal.
            module.support_avx512bf16_for_cpu = False
        elif kind == "Linear8bitLt" and module.weight.CB is not None:
            # The first forward moves CB from the shared weight into its own tree's state; the next tree finds none.
            module.init_8bit_state()


def _explained(path: Path, error: Exception, otherwise: str) -> UserError:
    """What transformers said, as one sentence with a next step."""
    text = " ".join(str(error).split())
    if sources.model_type(path) == "chatglm":
        return UserError("hub.chatglm", path=path)
    if "trust_remote_code" in text or "execute the configuration file" in text:
        return UserError("hub.remote_code", path=path)
    if "does not recognize this architecture" in text or "Unrecognized configuration class" in text:
        return UserError("hub.unknown_architecture", path=path)
    return UserError(otherwise, path=path, reason=text[:200])
