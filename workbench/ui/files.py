"""What a client calls a file (an upload or a path in the workspace) -> a path to read; a result -> a download."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from workbench.errors import UserError


def readable(file: Any, home: Path) -> Path:
    """The file's path. Raises UserError for one that is neither an upload nor in the workspace, or is not there.

    Links are followed first: one that leads out of the workspace is outside.
    """
    given = file.get("path") if isinstance(file, dict) else file
    if not isinstance(given, str) or not given or "\0" in given:
        raise UserError("ui.no_file_given")
    root, uploads = home.resolve(), Path(get_upload_folder()).resolve()
    places = [Path(given)] if Path(given).is_absolute() else [root / given, root / "data" / given]
    for place in places:
        path = place.resolve()
        if path.is_file() and (path.is_relative_to(root) or path.is_relative_to(uploads)):
            return path
    raise UserError("ui.file_outside", path=given[:200])


def shown_name(file: Any, path: Path) -> str:
    """What the user calls the file: an upload's own name, not the folder it was put in."""
    name = file.get("orig_name") if isinstance(file, dict) else None
    return Path(str(name)).name if name else path.name


def result_path(name: str) -> Path:
    """Where a file for download is written: a folder of its own, so that two of one name never meet."""
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=folder)) / Path(name).name


def download(path: Path) -> dict[str, Any]:
    """The value that makes Gradio's clients fetch a file."""
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
