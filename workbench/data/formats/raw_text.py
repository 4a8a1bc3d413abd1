"""raw_text: a row that is only text: `{"text": …}` or a bare string."""

from workbench.data.formats import turns
from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Text
from workbench.data.rows import RowError

_BESIDE = {"text", "id", "meta", "metadata", "url", "source", "timestamp", "title", "date", "lang", "language"}


def _convert(row: RawRow) -> Text:
    content = turns.text(row, "text")
    if not content.strip():
        raise RowError("empty_text")
    return Text(content)


TEXT = Schema("raw_text", "text", columns("text"), _convert, lambda row: set(row) <= _BESIDE, specificity=10)
