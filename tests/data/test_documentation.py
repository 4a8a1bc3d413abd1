"""docs/formats.md names every format, warning, repair and target that there is."""

from pathlib import Path

from workbench.data import repairs, styles, targets
from workbench.data.formats import slugs
from workbench.locales import catalogue

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def test_every_word_of_a_report_is_documented():
    codes = [key.removeprefix("warnings.") for key in catalogue("en") if key.startswith("warnings.")]
    words = [*slugs(), *codes, *repairs.NAMES, *targets.names(), *styles.names()]
    assert [word for word in words if f"`{word}`" not in TEXT] == []


def test_warnings_are_the_same_in_both_languages():
    keys = [{key for key in catalogue(language) if key.startswith("warnings.")} for language in ("en", "zh")]
    assert keys[0] == keys[1]
