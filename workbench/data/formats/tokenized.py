"""tokenized: input_ids of some unknown tokenizer: refused, because what they say cannot be read or checked."""

from workbench.data.formats.schema import RawRow, Schema, columns
from workbench.data.records import Record
from workbench.data.rows import RowError


def _convert(row: RawRow) -> Record:
    raise RowError("tokenized")


TOKENIZED = Schema("tokenized", "conversation", columns("input_ids"), _convert, specificity=99)
