"""synthesize at a terminal: documents in, rows out, written by a server or by a model of this machine."""

import json

import pytest
from openai_server import KEY, fake_server

from workbench.data.load import load

TEXT = (
    "Paris is the capital of France. It lies on the Seine.\n\nLyon stands where two rivers meet, known for its silk.\n"
)


@pytest.fixture
def fake():
    with fake_server() as server:
        yield server


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "cities.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_server_writes_rows_about_every_passage(call, call_json, document, fake, monkeypatch, tmp_path):
    monkeypatch.setenv("MY_KEY", KEY)
    told = call_json("synthesize", document, "out.jsonl", "--url", fake.url, "--model", "m", "--key-env", "MY_KEY",
                     "--count", "2")  # fmt: skip
    assert told == {"passages": 2, "rows": 2, "repeated": 0, "mended": 0, "unusable": []}
    assert load(tmp_path / "out.jsonl").report.rows_good == 2 and set(fake.keys) == {f"Bearer {KEY}"}
    asked = sorted(body["messages"][0]["content"] for body in fake.asked)
    assert "; 2 such pair(s) in all." in asked[0] and asked[0].endswith(TEXT.split("\n")[2])
    fake.replies = lambda prompt, number: "no idea" if "Lyon" in prompt else '[{"question": "Q", "answer": "A"},]'
    code, out, err = call("synthesize", document, "b.jsonl", "--url", fake.url, "--model", "m", "--with-passage")
    assert code == 0 and "1 row from 2 passages" in out and "1 from mended JSON" in out
    assert "cities.txt, passage 2: the reply holds no question with an answer. no idea" in err
    assert load(tmp_path / "b.jsonl").records[0].messages[0].input == TEXT.split("\n")[0]


def test_what_the_server_refuses_is_one_line_and_exit_two(call, document, fake, monkeypatch, tmp_path):
    fake.replies = lambda prompt, number: (401, {"error": {"message": f"bad key {KEY}"}}, {})
    monkeypatch.setenv("MY_KEY", KEY)
    code, out, err = call("synthesize", document, "out.jsonl", "--url", fake.url, "--model", "m", "--key-env", "MY_KEY")
    last = err.strip().splitlines()[-1]
    assert (code, out) == (2, "") and "refuses the API key" in last and KEY not in err
    for arguments, words in [
        (["--url", fake.url], "Which model"), (["--url", "x", "--model", "m"], "no server's address"),
        (["--prompt", "nothing"], "{passage}"), (["--url", fake.url, "--model", "m", "--key-env", "GONE"], "GONE"),
    ]:  # fmt: skip
        code, _, err = call("synthesize", document, "out.jsonl", *arguments)
        assert code == 2 and words in err and err.count("\n") == 1
    assert call("synthesize", tmp_path / "gone.txt", "out.jsonl")[0] == 2
    assert not (tmp_path / "out.jsonl").exists()


def test_rows_written_before_a_server_breaks_off_are_kept(call, tmp_path, fake):
    (tmp_path / "many.txt").write_text("\n\n".join(f"{number}. " + "words " * 12 for number in range(8)))
    fine = fake.replies
    fake.replies = lambda prompt, number: fine(prompt, number) if number <= 4 else (404, {}, {})
    code, _, err = call("synthesize", "many.txt", "out.jsonl", "--url", fake.url, "--model", "m")
    assert code == 2 and "no such address" in err
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4


def test_the_embedded_model_writes_without_any_server(call, call_json, tmp_path):
    (tmp_path / "a.md").write_text("How are you?\n", encoding="utf-8")
    ((reply,),) = call_json("chat", "--prompt", "How are you?", "--max-tokens", "40")["answers"]
    code, _, err = call("synthesize", "a.md", "out.jsonl", "--prompt", "{passage}", "--max-tokens", "40")
    if not reply.endswith("?"):  # another embedded model may answer without asking back
        assert code == 2 and reply in err
        return
    assert json.loads((tmp_path / "out.jsonl").read_text())["messages"] == [
        {"role": "user", "content": reply}, {"role": "assistant", "content": "How are you?"},
    ]  # fmt: skip
