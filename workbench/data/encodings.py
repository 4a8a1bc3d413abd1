"""The first bytes of a file -> the encoding of its text: byte order mark, then strict UTF-8, then statistics."""

from __future__ import annotations

import codecs
import re

from workbench.errors import UserError

SAMPLE_BYTES = 1 << 20
_MARKS = (  # longest first: the UTF-32 mark begins with the UTF-16 one
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOWHERE = b"\xff+\\x~\x1b$Z+"  # broken in every encoding that gives ASCII bytes another meaning
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_FEW_PAIRS = 64  # statistics over fewer characters take Chinese for Korean or for another Chinese encoding
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_COMMON_GB = re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")  # GB2312: signs and its 3,755 commonest characters
_COMMON_BIG5 = re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]")  # the same of Big5
_LETTER = re.compile(rb"(?<=[A-Za-z\xc0-\xfe])[\xc0-\xfe]|[\xc0-\xfe](?=[A-Za-z])")  # as in "caf\xe9", "\xfcber"
# What charset-normalizer may answer; GB2312 and GBK are subsets of GB18030, so the superset reads them all.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "hz": "gb18030", "big5": "big5hkscs", "cp950": "big5hkscs"}
_CANDIDATES = ["gb18030", "big5", "big5hkscs", "utf_16_le", "utf_16_be", "shift_jis", "euc_jp", "euc_kr",
               "cp1252", "latin_1", "cp1251"]  # fmt: skip
_EAST_ASIAN = ("gb18030", "big5hkscs", "utf_16_le", "utf_16_be", "shift_jis", "euc_jp", "euc_kr")


def detect(sample: bytes, *, whole: bool) -> str:
    """The Python codec name for text that begins with `sample`; `whole` says that nothing follows it.

    A UTF-8 file with a few broken bytes stays UTF-8: those lines are bad rows, not another encoding.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if _valid_utf8(sample, whole):
        return "utf-8"
    if wide := _unmarked_utf16(sample):
        return wide
    good = len(b"".join(_MULTIBYTE.findall(sample)))
    high = len(_HIGH.findall(sample))
    # In GBK text about one byte pair in eight happens to look like UTF-8; nine of ten only real UTF-8 does.
    if good >= 0.9 * high:
        return "utf-8"
    return _guess(sample)


def checked(name: str) -> str:
    """The codec a user asked for. Raises UserError for one that Python does not know, or that is none of text."""
    try:
        found = codecs.lookup(name).name
        # `hex`, `rot13`, `idna` and the like are none of text.
        codecs.getincrementaldecoder(found)(errors(found)).decode("{}\n".encode(found))
    except (LookupError, ValueError):
        raise UserError("data.unknown_encoding", value=name[:60]) from None
    return _SUPERSETS.get(found, found)


def wanted(name: str, sample: bytes) -> str:
    """`checked`, for a text that begins with sample: UTF-16 and UTF-32 have an order of bytes, marked or not."""
    found = checked(name)
    if found not in ("utf-16", "utf-32") or any(sample.startswith(mark) for mark, codec in _MARKS if codec == found):
        return found
    return (_unmarked_utf16(sample) if found == "utf-16" else None) or f"{found}-le"


def errors(codec: str) -> str:
    """How bytes that the codec does not have are read: kept as they are where a byte can be, else as U+FFFD."""
    try:
        _NOWHERE.decode(codec, "surrogateescape")
    except UnicodeError:  # UTF-16, UTF-32, UTF-7: what is wrong there may be an ASCII byte
        return "replace"
    return "surrogateescape"


def shown(name: str) -> str:
    """The codec's name as a report shows it: `utf-8` with and without mark, `gb18030`, `big5`, `utf-16`."""
    return {"big5hkscs": "big5"}.get(name, name).replace("_", "-")


def _valid_utf8(sample: bytes, whole: bool) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(sample, final=whole)
    except UnicodeDecodeError:
        return False
    # NUL in every other byte of ASCII text is UTF-16 without a mark, although it is valid UTF-8; those at the end are
    # what a crash leaves.
    sample = sample.rstrip(b"\0")
    return not (sample.count(b"\0") > len(sample) // 4)


def _unmarked_utf16(sample: bytes) -> str | None:
    """JSON and CSV hold many ASCII characters, whose second byte is NUL."""
    even, odd = sample[0:4096:2].count(b"\0"), sample[1:4096:2].count(b"\0")
    most = min(len(sample), 4096) // 2
    if odd > 0.2 * most and odd > 8 * even:
        return "utf-16-le"
    if even > 0.2 * most and even > 8 * odd:
        return "utf-16-be"
    return None


def _guess(sample: bytes) -> str:
    """Statistics over the bytes; the two Chinese families are also told by their byte ranges."""
    from charset_normalizer import from_bytes

    pairs = _PAIR.findall(sample)
    paired = len(_HIGH.findall(sample)) == sum(len(_HIGH.findall(pair)) for pair in pairs)
    if pairs and paired and len(pairs) < _FEW_PAIRS and (chinese := _chinese(pairs)):
        return chinese
    best = from_bytes(sample[: 1 << 16], cp_isolation=_CANDIDATES, threshold=0.4).best()
    name = best.encoding if best else ""
    name = _SUPERSETS.get(name, name)
    if name in _EAST_ASIAN:
        return name
    if pairs and paired and (chinese := _chinese(pairs)):
        return chinese
    letters = len(_LETTER.findall(sample))
    if name and letters >= 0.9 * len(_HIGH.findall(sample)):
        return name.replace("_", "-")
    return "utf-8"  # then the lines that are not UTF-8 say so, one by one


def _chinese(pairs: list[bytes]) -> str | None:
    if sum(_COMMON_GB.match(pair) is not None for pair in pairs) >= 0.9 * len(pairs):
        return "gb18030"
    if sum(_COMMON_BIG5.match(pair) is not None for pair in pairs) >= 0.9 * len(pairs):
        return "big5hkscs"
    return None
