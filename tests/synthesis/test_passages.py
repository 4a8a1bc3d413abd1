"""Documents -> passages: every kind that is read, how paragraphs join and part, and what is refused with a reason."""

import zipfile

import pytest
from documents import pdf

from workbench.errors import UserError
from workbench.synthesis.passages import read, split

WALL = "长城是中国古代的防御工程，东起山海关，西至嘉峪关，全长两万多公里，历代都曾修建。"
PARIS = "Paris is the capital of France. It lies on the Seine and is the largest city of the country."


def texts(passages):
    return [passage.text for passage in passages]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_paragraphs_of_a_text_stand_between_blank_lines_in_any_encoding(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(f"{WALL}\r\n\r\n{PARIS}\r\nIt is old.\r\n".encode(encoding))
    assert texts(read(path)) == [WALL, f"{PARIS}\nIt is old."]


def test_without_blank_lines_every_line_is_a_paragraph():
    assert texts(split(f"{WALL}\n{PARIS}")) == [WALL, PARIS]


def test_short_paragraphs_join_what_follows_and_the_last_one_what_stands_before():
    assert texts(split(f"短。\n\n{WALL}\n\n{PARIS}\n\nEnd.")) == [f"短。\n{WALL}", f"{PARIS}\nEnd."]


def test_a_long_paragraph_is_cut_at_sentence_ends_and_nothing_is_lost():
    text = "".join(f"第{number}句说了一些话。" for number in range(300))
    cut = texts(split(text, most=200))
    assert "".join(cut) == text and max(map(len, cut)) <= 200
    assert all(part.endswith("。") for part in cut)
    solid = texts(split("x" * 450, most=200))
    assert [len(part) for part in solid] == [200, 200, 50]


def test_headings_of_markdown_open_a_passage_and_code_stays_whole(tmp_path):
    path = tmp_path / "a.md"
    code = "```python\na = 1\n\n# b is the length of the wall\nb = 21_196\n```"
    text = f"---\ntitle: x\n---\n# Walls\n\n{WALL}\n\n<!-- note -->\n## Cities\n\n{PARIS}\n\n{code}\n"
    path.write_text(text, encoding="utf-8")
    assert texts(read(path)) == [f"Walls\n{WALL}", f"Cities\n{PARIS}", code]


def test_paragraphs_and_tables_of_a_docx_come_in_their_order(tmp_path):
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("Walls", 1)
    document.add_paragraph(WALL)
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("city", "country"), ("Paris, on the Seine", "France, in Europe")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph(PARIS)
    document.save(tmp_path / "a.docx")
    assert texts(read(tmp_path / "a.docx")) == [
        f"Walls\n{WALL}", "city | country\nParis, on the Seine | France, in Europe", PARIS,
    ]  # fmt: skip


def test_lines_of_a_pdf_are_joined_to_paragraphs_and_know_their_page(tmp_path):
    data = pdf(
        ["Paris is the capital of France. It lies on the river Seine, and is the lar-", "gest city of the country.",
         "Lyon stands where two rivers meet; it is known for its kitchens, and for silk."],
        ["长城是中国古代的防御工程，东起山海关，西至嘉峪关，", "全长两万多公里，历代都曾修建。"],
    )  # fmt: skip
    (tmp_path / "a.pdf").write_bytes(data)
    found = read(tmp_path / "a.pdf")
    assert texts(found) == [
        "Paris is the capital of France. It lies on the river Seine, and is the largest city of the country.",
        "Lyon stands where two rivers meet; it is known for its kitchens, and for silk.",
        "长城是中国古代的防御工程，东起山海关，西至嘉峪关，全长两万多公里，历代都曾修建。",
    ]
    assert [(passage.file, passage.number, passage.page) for passage in found] == [
        ("a.pdf", 1, 1), ("a.pdf", 2, 1), ("a.pdf", 3, 2),
    ]  # fmt: skip


def test_what_is_no_document_is_refused_with_the_reason(tmp_path):
    def write(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    with zipfile.ZipFile(tmp_path / "zip.docx", "w") as file:
        file.writestr("a.txt", "a")
    cases = [
        (tmp_path / "gone.txt", "data.no_file"), (write("a.doc", b"\xd0\xcf\x11\xe0"), "synthesis.no_document"),
        (write("a.txt", b"abc\0\0\0\1\2\3"), "synthesis.no_document"),
        (write("b.docx", b"text"), "synthesis.no_document"),
        (write("c.txt", b" \n\n"), "synthesis.no_text"), (tmp_path / "zip.docx", "synthesis.broken"),
        (write("d.pdf", b"%PDF-1.4 and nothing more"), "synthesis.broken"),
        (write("e.pdf", pdf([])), "synthesis.scanned"),
    ]  # fmt: skip
    for path, key in cases:
        with pytest.raises(UserError) as refused:
            read(path)
        assert refused.value.key == key and refused.value.text("zh"), path
    with pytest.raises(UserError, match="no text to ask about"):
        split("  \n")
