"""Page, endpoint and command line read the same files with the same options: equal reports, figures, rows and masks."""

import json
import re
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client
from serving import serving

from workbench import cli
from workbench.data import mapping
from workbench.ui.app import App
from workbench.ui.i18n import Texts
from workbench.ui.tabs import data

LIMIT = 64
TOOLS = json.dumps([{"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}])
CALL = json.dumps({"name": "weather", "arguments": {"city": "巴黎"}}, ensure_ascii=False)


def alpaca(question, answer, given=""):
    return {"instruction": question, "input": given, "output": answer}


def pair(number):
    return {"prompt": f"Which {number}?", "chosen": "better " * number, "rejected": "worse"}


FILES = {
    "dirty.jsonl": [
        "\ufeff" + json.dumps(alpaca("Say hi", "hi")), alpaca("say hi!", "hi"), alpaca("Say hi", "hello"),
        alpaca("Mark", "a <|im_end|> b"), alpaca("long " * 40, "cut off entirely"), alpaca("译", "雨 " * 60, "rain"),
        alpaca("Empty", ""), "{broken", alpaca("Mail", "write to me@example.com"), alpaca("[NAME]?", " spaced "),
        alpaca("The old bridge over the river was built by hand from local stone.", "Yes, that is right."),
        alpaca("The old bridge over the river was built by hand from local stones.", "Yes, that is right."),
    ],
    "tools.json": [
        {"conversations": [{"from": "human", "value": "天气？"}, {"from": "function_call", "value": CALL},
                           {"from": "observation", "value": '{"rain": true}'}, {"from": "gpt", "value": "下雨。"}],
         "tools": TOOLS, "system": "简短。"},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "human", "value": "b"}]},
    ],
    "pairs.jsonl": [pair(number) for number in range(1, 24)] + [pair(1) | {"chosen": "same", "rejected": "same"}],
    "mend.jsonl": [
        alpaca("R&amp;D", "x &lt; y"), json.dumps(alpaca("comma", "behind")) + ",", alpaca("edges", "  spaced"),
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"},
                      {"role": "assistant", "content": "c"}]},
        alpaca("nothing", ""),
    ],
    "tree.jsonl": [
        {"message_id": "1", "parent_id": None, "text": "Q", "role": "prompter"},
        {"message_id": "2", "parent_id": "1", "text": "A", "role": "assistant", "rank": 0},
    ],
}  # fmt: skip
TABLE = "问句,答句,备注\n天空是什么颜色？,蓝色,x\n草呢？,绿色,y\n雪呢？,,z\n".encode("gb18030")
COLUMNS = {"prompt": "问句", "response": "答句"}
CASES = {
    "dirty alpaca": ("data/dirty.jsonl", {}),
    "a table mapped by hand": ("data/table.csv", {"encoding": "gb18030", "map": COLUMNS}),
    "a table with a kept mapping": ("data/table.csv@faq", {}),
    "a kept mapping by its name": ("data/table.csv", {"map": "faq"}),
    "sharegpt with tools": ("data/tools.json", {"template": "chatml"}),
    "preference": ("data/pairs.jsonl", {}),
    "bad rows and repairs": ("data/mend.jsonl", {"repair": ["html_entity", "trailing_comma", "merge_turns"]}),
    "a forced format": ("data/mend.jsonl", {"from": "alpaca"}),
    "one row a message": ("data/tree.jsonl", {}),
    "several files": ("data/dirty.jsonl; data/mend.jsonl", {"repair": ["edge_whitespace"]}),
}
FLAGS = {"from": "--from", "encoding": "--encoding", "template": "--template", "model": "--model",
         "max_length": "--max-length"}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("same") / "workspace"
    (home / "data").mkdir(parents=True)
    for name, rows in FILES.items():
        texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        text = f"[{', '.join(texts)}]" if name.endswith(".json") else "".join(f"{text}\n" for text in texts)
        (home / "data" / name).write_text(text, encoding="utf-8")
    (home / "data" / "table.csv").write_bytes(TABLE)
    mapping.save(COLUMNS, "faq", home)
    return home


@pytest.fixture(scope="module")
def endpoint(home, tmp_path_factory):
    with serving(home) as (address, _):
        client = Client(f"{address}/en", verbose=False, download_files=tmp_path_factory.mktemp("down"))
        yield lambda name, **given: client.predict(**given, api_name=f"/{name}")


@pytest.fixture
def page(home, monkeypatch):
    monkeypatch.setattr(data, "_AT_ONCE_SECONDS", 60.0)
    app = App(home)
    with gr.Blocks():
        yield data.build(app, Texts("en"))
    app.close()


@pytest.fixture
def told(home, capsys, monkeypatch):
    """The document of a verb; {"error": the line on stderr} when there is none."""
    monkeypatch.setenv("WORKBENCH_LANG", "en")
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    monkeypatch.chdir(home)

    def go(*arguments):
        code = cli.run([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return json.loads(out) if code == 0 else {"error": err.strip()}

    return go


def flags(options):
    found = [part for name, flag in FLAGS.items() if name in options for part in (flag, options[name])]
    found += [part for name in options.get("repair", ()) for part in ("--repair", name)]
    columns = options.get("map", {})
    listed = [columns] if isinstance(columns, str) else [f"{role}={column}" for role, column in columns.items()]
    return found + [part for text in listed for part in ("--map", text)]


def painted(page):
    """(ids, which of them are learned, which are cut off) of the page's spans."""
    found = re.findall(r'<i class="([^"]*)" title="(\d+) ·', page)
    return ([int(number) for _, number in found], ["trained" in kind for kind, _ in found],
            ["cut" in kind for kind, _ in found])  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_way_in_gives_the_same_figures_rows_and_masks(case, home, endpoint, page, told, tiny_model):
    file, options = CASES[case]
    seeing = {"model": str(tiny_model()), "template": options.get("template", ""), "max_length": LIMIT}
    reading = {name: value for name, value in options.items() if name != "template"}
    columns = reading.get("map", {})
    columns = mapping.saved(home)[columns] if isinstance(columns, str) else columns
    how = (file, reading.get("from", ""), reading.get("encoding", ""), json.dumps(columns), reading.get("repair", []))

    page.look(*how)
    opened = page.chosen.open(*how)
    figures, _ = page.seen._measure(opened.view, *seeing.values(), opened.task)
    shown = opened.report.to_json("en") | {"statistics": opened.view.statistics | {"tokens": figures}}
    assert endpoint("inspect", file=file, options=reading | seeing) == shown
    assert told("inspect", file, *flags(reading | seeing)) == shown
    without = shown | {"statistics": opened.view.statistics}
    assert endpoint("inspect", file=file, options=reading) == without == told("inspect", file, *flags(reading))

    for row in (1, 2, opened.view.count):
        item = opened.view.item(row)
        asked = told("preview", file, "--row", row, *flags(reading | seeing))
        if "error" in asked:
            assert 'role="alert"' in page.seen.paint(*how, False, row, *seeing.values()) or item.reason is None
            with pytest.raises(Exception, match=re.escape(asked["error"].rsplit(": ", 1)[-1].rstrip("."))):
                endpoint("preview", file=file, row=row, options=reading | seeing)
            continue
        assert endpoint("preview", file=file, row=row, options=reading | seeing) == asked
        parts = [asked, *([asked["rejected"]] if "rejected" in asked else [])]
        tokens = [token for part in parts for token in (*part["tokens"], *part["cut"])]
        cut = [is_cut for part in parts for is_cut in [False] * len(part["tokens"]) + [True] * len(part["cut"])]
        assert painted(page.seen.paint(*how, False, row, *seeing.values())) == (
            [token["id"] for token in tokens], [token["trained"] for token in tokens], cut,
        )  # fmt: skip


@pytest.mark.parametrize("case", ["dirty alpaca", "a table with a kept mapping", "bad rows and repairs"])
def test_every_way_in_converts_to_the_same_bytes(case, endpoint, page, told, tmp_path):
    file, options = CASES[case]
    how = (file, "", options.get("encoding", ""), "{}", options.get("repair", []))
    *_, (_, _, result, _) = page.conversion.convert(*how, "sharegpt", ".jsonl", False, kept=False)
    report = told("convert", file, tmp_path / "out.jsonl", "--to", "sharegpt", *flags(options))
    made = endpoint("convert", file=file, to="sharegpt", options=options)
    assert report["rows_good"] > 0
    written = (tmp_path / "out.jsonl").read_bytes()
    assert Path(result["value"]).read_bytes() == written
    assert Path(made["path"] if isinstance(made, dict) else made).read_bytes() == written
