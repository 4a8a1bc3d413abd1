"""`training.report_to` -> whether its library is here; the Trainer imports it when the run begins."""

from __future__ import annotations

import importlib.util

from workbench.errors import UserError


def check(service: str) -> None:
    """Raises UserError with the line that installs what is missing. Imports nothing."""
    if service != "none" and importlib.util.find_spec(service) is None:
        raise UserError("training.no_reporter", path="training.report_to", value=service)
