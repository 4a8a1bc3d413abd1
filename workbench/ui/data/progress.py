"""A task that runs -> a bar with what is done and the time left, while a handler waits for it."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.ui.forms import plain
from workbench.ui.i18n import Texts
from workbench.ui.tasks import Task

_STEP_SECONDS = 0.4  # between two updates
_AT_ONCE_SECONDS = 0.25  # work that is over by then needs no bar


def updates(task: Task, t: Texts) -> Iterator[str]:
    """The bar again and again until the task is over; nothing for a short one."""
    if task.wait(_AT_ONCE_SECONDS):
        return
    while True:
        yield bar_html(task, t)
        if task.wait(_STEP_SECONDS):
            return


def bar_html(task: Task, t: Texts) -> str:
    known = task.fraction is not None
    texts = [t("dataset.progress.percent", percent=int(100 * (task.fraction or 0)))] if known else []
    if task.count:
        texts.append(t("dataset.progress.rows", count=f"{task.count:,}"))
    if (left := task.seconds_left) is not None:
        texts.append(t("dataset.progress.left", time=duration(left)))
    value = f' value="{task.fraction:.3f}"' if known else ""
    return (
        f'<div class="wb-waiting" role="status"><progress max="1"{value}></progress>'
        f"<span>{plain(' · '.join(texts) or t('dataset.progress.begun'))}</span></div>"
    )


def duration(seconds: float) -> str:
    """75 -> "1:15", 3700 -> "1:01:40"."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
