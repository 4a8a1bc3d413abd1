"""Drafts -> what a page shows of them, as HTML: where the work stands, a page of drafts, one draft's boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.ui import forms
from workbench.ui.data.progress import duration
from workbench.ui.drafts import Drafts, Progress
from workbench.ui.i18n import Texts

if TYPE_CHECKING:
    from workbench.synthesis.rows import Draft

PAGE_DRAFTS = 12
_SHOWN = 220  # characters of a question or an answer in the list


class Pictures:
    def __init__(self, drafts: Drafts, t: Texts) -> None:
        self.drafts, self.t = drafts, t

    def status(self, progress: Progress) -> str:
        if progress.phase == "idle":
            return ""
        if progress.phase == "failed":
            return forms.problem(self.t.error(progress.error or RuntimeError()))
        key = {"preparing": "loading", "writing": "progress"}.get(progress.phase, progress.phase)
        left = "–" if progress.seconds_left is None else duration(progress.seconds_left)
        text = self.t(
            f"synthesis.{key}", done=progress.done, total=progress.total, left=left, usable=progress.usable,
            unusable=progress.unusable, repeated=progress.repeated, mended=progress.mended,
        )  # fmt: skip
        share = progress.done / progress.total if progress.total else 0.0
        bar = f'<div class="wb-bar-line"><i style="width:{100 * share:.1f}%"></i></div>' if progress.busy else ""
        return f'<p class="wb-note" role="status">{forms.plain(text)}</p>{bar}'

    def listed(self, page: int) -> tuple[str, str, int]:
        """(a page of drafts, where it stands, its number brought into its bounds)"""
        items, number, count = self.drafts.page(page, PAGE_DRAFTS)
        if not items:
            return f'<p class="wb-note">{forms.plain(self.t("synthesis.empty"))}</p>', "", 1
        rows = "".join(self._row(place, draft) for place, draft in items)
        head = "".join(f"<th>{forms.plain(self.t(f'synthesis.{name}'))}</th>" for name in ("question", "answer"))
        where = self.t("synthesis.page", page=number, pages=-(-count // PAGE_DRAFTS), count=f"{count:,}")
        return (
            f'<div class="wb-runs wb-drafts"><table class="wb-list"><thead><tr><th></th>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>",
            f'<span class="wb-note">{forms.plain(where)}</span>',
            number,
        )

    def _row(self, place: int, draft: Draft) -> str:
        number = f'<td class="wb-num"><button type="button" class="wb-link" data-row="{place}">{place}</button></td>'
        if draft.usable:
            mark = f' <span class="wb-note">{forms.plain(self.t("synthesis.mended"))}</span>' if draft.mended else ""
            cells = f"<td>{_shortened(draft.question)}{mark}</td><td>{_shortened(draft.answer)}</td>"
        else:
            label = f'<span class="wb-poor">{forms.plain(self.t("synthesis.unusable"))}</span>'
            cells = f"<td>{label}</td><td>{_shortened(self._why(draft) or draft.reply)}</td>"
        return f'<tr data-row="{place}">{number}{cells}</tr>'

    def _why(self, draft: Draft) -> str:
        return draft.problem.text(self.t.language) if draft.problem else ""

    def boxes(self, number: int) -> list[Any]:
        """The chosen draft's boxes; number 0 empties them."""
        try:
            draft = self.drafts.get(number)
        except WorkbenchError:
            return [0, "", "", "", ""]
        passage = draft.passage
        key = "synthesis.on_page" if passage.page else "synthesis.place"
        where = self.t(key, file=passage.file, page=passage.page or "", number=passage.number)
        parts = [f"<h4>{forms.plain(self.t('synthesis.chosen', number=number))} · {forms.plain(where)}</h4>"]
        parts.append(f'<pre class="wb-passage">{forms.plain(passage.text)}</pre>')
        if draft.reply and not (draft.usable and not draft.mended):
            title = forms.plain(self.t("synthesis.reply"))
            parts.append(f'<h4>{title}</h4><pre class="wb-passage">{forms.plain(draft.reply)}</pre>')
        if why := self._why(draft):
            parts.append(forms.problem(why))
        return [number, f'<div class="wb-report">{"".join(parts)}</div>', draft.question, draft.answer, ""]


def _shortened(text: str) -> str:
    text = " ".join(text[: _SHOWN * 4].split())
    return forms.plain(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
