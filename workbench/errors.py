"""Wrong input or a failed step -> one sentence that says what, where, the value and the next step.

    WorkbenchError          a key of the catalogue and its parameters; text(language) is the sentence
    └── UserError           the user's input is wrong: exit code 2, a message at the field
        └── NoTrainableTokens   a row in which nothing would be learned
"""

import difflib
from collections.abc import Iterable

from workbench.locales import translate


class Quoted(str):
    """A parameter that quotes what the user's data say. outside: what stands in its place beyond this machine."""

    outside: str

    def __new__(cls, text: str, outside: str) -> "Quoted":
        quoted = super().__new__(cls, text)
        quoted.outside = outside
        return quoted


class Word:
    """A parameter that is itself a line of the catalogue, such as a run's state, and so in the sentence's language."""

    def __init__(self, key: str, /) -> None:
        self.key = key

    def text(self, language: str = "en") -> str:
        return translate(language, self.key)

    def __str__(self) -> str:
        return self.text("en")


class WorkbenchError(Exception):
    """Raised at the edge, turned into a message once, in `ui/` or `cli`."""

    def __init__(self, key: str, /, **params: object) -> None:
        super().__init__(key)
        self.key = key
        self.params = params

    def text(self, language: str = "en", *, outside: bool = False) -> str:
        """outside: without what is Quoted."""
        params = {
            name: value.text(language, outside=outside)
            if isinstance(value, WorkbenchError)
            else value.text(language)
            if isinstance(value, Word)
            else value.outside
            if outside and isinstance(value, Quoted)
            else value
            for name, value in self.params.items()
        }
        return translate(language, f"errors.{self.key}", **params)

    def __str__(self) -> str:
        return self.text("en")


class UserError(WorkbenchError):
    """What the user gave cannot be used as it is."""


class NoTrainableTokens(UserError):
    """Nothing in a row would take loss."""


def nearest(word: str, known: Iterable[str], limit: int = 3) -> str:
    """The known names closest to a mistyped one, joined for an error's next step."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=limit, cutoff=0.5)
    if not close:  # `adapter.rank` is close to nothing whole, but shares its section
        close = [name for name in names if name.split(".")[0] == word.split(".")[0]][:limit]
    return ", ".join(close or names[:8])
