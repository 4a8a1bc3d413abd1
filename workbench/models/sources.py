"""What the user calls a model ("embedded", a folder, a hub name) -> a local folder with whole safetensors weights."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from workbench import presets
from workbench.errors import UserError, nearest
from workbench.models import modelscope, weights

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?")
MODELSCOPE = "ms://"  # as data sets are named
# Never *.bin, *.pt: they are not even downloaded.
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.py", "*.tiktoken"]


def folder(path: str, progress: Callable[[float], None], token: str | None = None) -> Path:
    """token: for a gated model, beside HF_TOKEN of the environment; goes into the request and nowhere else.

    Raises UserError for a path or name behind which there is no model.
    """
    if path == "embedded":
        return presets.embedded_model()
    if path.startswith(MODELSCOPE):
        return modelscope.download(path.removeprefix(MODELSCOPE), _WANTED, progress)
    local = Path(path).expanduser()
    if local.is_dir():
        _check_folder(local)
        return local.resolve()
    if local.is_file():
        raise UserError("hub.is_a_file", path=path, folder=local.parent)
    if not _HUB_NAME.fullmatch(path):
        raise UserError("hub.no_such_path", path=path, nearest=_neighbours(local))
    return _download(path, progress, token)


def is_hub_name(path: str) -> bool:
    """Whether finding the model may mean downloading it."""
    if path.startswith(MODELSCOPE):
        return True
    return path != "embedded" and not Path(path).expanduser().exists() and bool(_HUB_NAME.fullmatch(path))


def check_weights(path: Path) -> None:
    """Raises UserError unless the folder holds safetensors weights, whole ones, and pickles would not be needed."""
    if not any(path.glob("*.safetensors")):
        pickles = weights.pickles(path)
        if pickles:
            raise UserError("hub.pickle", path=path, file=pickles[0])
        raise UserError("hub.no_weights", path=path)
    broken = weights.broken(path)
    if broken:
        raise UserError("hub.broken_weights", path=path, file=broken)


def model_type(path: Path) -> str:
    """What config.json calls the architecture; "" where it says nothing."""
    try:
        return str(json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _check_folder(path: Path) -> None:
    if (path / "config.json").is_file():
        return
    if (path / "adapter_config.json").is_file():
        raise UserError("hub.is_an_adapter", path=path)
    raise UserError("hub.no_config", path=path, nearest=_models_below(path))


def _models_below(path: Path) -> str:
    found = [str(config.parent) for config in sorted(path.glob("*/config.json"))[:3]]
    return ", ".join(found) or "embedded"


def _neighbours(path: Path) -> str:
    """Folders beside the missing one that could have been meant."""
    place = path.parent
    while not place.is_dir():
        place = place.parent
    try:
        names = [entry.name for entry in place.iterdir() if entry.is_dir() and (entry / "config.json").is_file()]
    except OSError:
        names = []
    return ", ".join(str(place / name) for name in nearest(path.name, names).split(", ")) if names else "embedded"


def _download(name: str, progress: Callable[[float], None], token: str | None) -> Path:
    """The folder of a hub model in the cache; downloads what is missing (HF_ENDPOINT names a mirror)."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    try:
        found = snapshot_download(
            name,
            allow_patterns=_WANTED,
            tqdm_class=_bar_that_reports(progress),
            endpoint=os.environ.get("HF_ENDPOINT"),
            token=token or None,
        )
    except GatedRepoError:
        raise UserError("hub.gated", name=name) from None
    except RepositoryNotFoundError:
        raise UserError("hub.unknown_name", name=name) from None
    except HFValidationError:
        raise UserError("hub.no_such_path", path=name, nearest="embedded") from None
    except HfHubHTTPError as error:
        raise UserError("hub.download_failed", name=name, reason=" ".join(str(error).split())[:160]) from error
    # No network shows as a missing cache entry, a refused connection or a time-out, depending on where it is cut.
    except (OSError, httpx.HTTPError) as error:
        raise UserError("hub.no_network", name=name) from error
    return Path(found)


def _bar_that_reports(progress: Callable[[float], None]) -> type:
    """snapshot_download makes a bar for the files and one for the bytes; the bytes are what takes time."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __init__(self, *args: object, **options: object) -> None:
            options["disable"] = False
            options["file"] = io.StringIO()  # the page draws it
            options.pop("name", None)
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self.unit == "B" and self.total:
                progress(min(1.0, self.n / self.total))
            return shown

    return Bar
