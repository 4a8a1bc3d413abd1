"""A model's name on ModelScope -> its folder in that library's cache; what is complete there is not fetched again."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import UserError


def download(name: str, wanted: Sequence[str], progress: Callable[[float], None]) -> Path:
    """The library takes MODELSCOPE_API_TOKEN and MODELSCOPE_DOMAIN from the environment.

    Raises UserError: the library is missing, no such model, no network.
    """
    if importlib.util.find_spec("modelscope") is None:
        raise UserError("hub.modelscope_missing", name=name)
    from modelscope.hub.callback import ProgressCallback
    from modelscope.hub.snapshot_download import snapshot_download

    try:
        found = snapshot_download(
            name, allow_patterns=list(wanted), progress_callbacks=[_reporting(ProgressCallback, progress)]
        )
    except Exception as error:  # requests', the library's own and bare ones, depending on where it is cut
        said = " ".join(str(error).split())[:160]
        raise UserError("hub.modelscope_failed", name=name, reason=said or type(error).__name__) from error
    return Path(found)


def _reporting(base: type, progress: Callable[[float], None]) -> type:
    """One object per file; the fraction is of the bytes of all files that have begun."""
    sizes: dict[str, int] = {}
    done: dict[str, int] = {}

    class Reporting(base):
        def __init__(self, filename: str, file_size: int, *more: Any) -> None:
            super().__init__(filename, file_size, *more)
            sizes[filename], done[filename] = file_size, 0

        def update(self, size: int) -> None:
            done[self.filename] += size
            if total := sum(sizes.values()):
                progress(min(1.0, sum(done.values()) / total))

    return Reporting
