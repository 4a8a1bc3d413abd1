"""The endpoints as a client calls them: by keyword, in both mounts, over the wire of a real server."""

import json
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from serving import serving

from workbench import cli
from workbench.ui.api import endpoints
from workbench.ui.app import App
from workbench.ui.i18n import Texts

SHORT = {
    "preset": "identity",
    "identity.name": "Nova",
    "identity.author": "Lab",
    "training.max_steps": 3,
    "training.save_steps": 2,
    "probes.path": "",
}
CONTRACT = {
    "train": ["spec"],
    "estimate": ["spec"],
    "status": ["run"],
    "metrics": ["run", "since"],
    "stop": ["run"],
    "runs": [],
    "adapters": [],
    "chat": ["prompt", "adapters", "options"],
    "compare": ["prompt", "adapters", "options"],
    "vote": ["columns", "prompt", "answers", "winner", "options"],
    "inspect": ["file", "options"],
    "convert": ["file", "to", "options"],
    "preview": ["file", "row", "options"],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("api") / "workspace"
    with serving(home) as (address, _):
        yield address, home


@pytest.fixture(scope="module")
def english(server, tmp_path_factory):
    return Client(f"{server[0]}/en", verbose=False, download_files=tmp_path_factory.mktemp("down"))


@pytest.fixture(scope="module")
def chinese(server):
    return Client(f"{server[0]}/zh", verbose=False)


@pytest.fixture(scope="module")
def finished(english):
    """A short run of the embedded model, trained by the server."""
    name = english.predict(spec=SHORT, api_name="/train")
    while english.predict(run=name, api_name="/status")["state"] in ("queued", "running", "stopping"):
        time.sleep(0.2)  # a client can only ask again
    return name


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "my rows.jsonl"
    good = {"instruction": "Say hi", "input": "", "output": "hi"}
    bad = {"instruction": "Say", "input": "", "output": ""}
    path.write_text("".join(json.dumps(row) + "\n" for row in (good, bad)))
    return path


def test_every_endpoint_of_the_contract_is_there_with_its_names_and_a_description(english, chinese):
    for client in (english, chinese):
        known = client.view_api(return_format="dict")["named_endpoints"]
        for name, parameters in CONTRACT.items():
            assert [item["parameter_name"] for item in known[f"/{name}"]["parameters"]] == parameters, name
        assert [name for name in known if name.strip("/") not in {*CONTRACT, "resume"}] == []


def test_every_endpoint_says_what_it_does(tmp_path):
    for function in endpoints(App(tmp_path), Texts("en")):
        assert function.__doc__ and function.__annotations__["return"]


def test_a_run_is_started_watched_and_listed(english, chinese, finished):
    status = english.predict(run=finished, api_name="/status")
    assert (status["state"], status["step"], status["total_steps"]) == ("finished", 3, 3)
    assert status["metrics"]["loss"] > 0
    metrics = chinese.predict(run=finished, since=1, api_name="/metrics")
    assert [row["step"] for row in metrics["rows"] if "loss" in row] == [2, 3]
    assert metrics["generation"] == 0
    assert [line["run"] for line in chinese.predict(api_name="/runs")] == [finished]
    names = [column["name"] for column in english.predict(api_name="/adapters")]
    assert finished in names and f"{finished}/checkpoint-2" in names
    assert english.predict(run=finished, api_name="/stop")["state"] == "finished"


def test_base_and_adapter_answer_side_by_side(english, finished):
    options = {"temperature": 0, "max_tokens": 12}
    answers = english.predict(prompt="Who are you?", adapters=["base", finished], options=options, api_name="/chat")
    assert len(answers) == 2 and all(answers)
    turns = ["Who are you?", answers[0], "And who made you?"]
    assert len(english.predict(prompt=turns, adapters=["base"], options=options, api_name="/chat")) == 1
    job = english.submit(prompt="Who are you?", adapters=["base", finished], options=options, api_name="/compare")
    last = {update["column"]: update for update in job}
    assert [last[column]["text"] for column in (0, 1)] == answers
    assert all(update["done"] for update in last.values())


def test_a_vote_is_kept_with_what_repeats_its_answers(english, chinese, server):
    options = {"temperature": 0.7, "seed": 5, "model": "embedded", "blind": True}
    asked = {"columns": ["base", "other"], "prompt": ["Hi?"], "answers": ["Hello.", "Yo."], "api_name": "/vote"}
    kept = english.predict(**asked, winner="right", options=options)
    assert (kept["winner"], kept["options"]["seed"], kept["blind"]) == ("other", 5, True)
    assert json.loads((server[1] / "votes.jsonl").read_text().splitlines()[-1]) == kept
    with pytest.raises(AppError, match="赢家"):
        chinese.predict(**asked, winner="nobody")


def test_files_are_inspected_previewed_and_converted(english, rows, server):
    report = english.predict(file=handle_file(rows), api_name="/inspect")
    assert (report["format"], report["rows_good"], report["rows_bad"]) == ("alpaca", 1, 1)
    assert report["bad"][0]["row"] == 2
    assert "statistics" in report
    seen = english.predict(file=handle_file(rows), row=1, options={"max_length": 64}, api_name="/preview")
    assert len(seen["input_ids"]) == len(seen["labels"]) == len(seen["tokens"])
    assert {label == -100 for label in seen["labels"]} == {True, False}
    converted = english.predict(file=handle_file(rows), to="messages", options={}, api_name="/convert")
    path = Path(converted["path"] if isinstance(converted, dict) else converted)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [message["role"] for message in lines[0]["messages"]] == ["user", "assistant"]


def test_the_command_line_says_the_same_as_the_endpoints(english, rows, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORKBENCH_LANG", "en")

    def told(*arguments):
        assert cli.run([*map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert english.predict(file=handle_file(rows), api_name="/inspect") == told("inspect", rows)
    seen = english.predict(file=handle_file(rows), row=1, options={"template": "claude"}, api_name="/preview")
    assert seen == told("preview", rows, "--row", 1, "--template", "claude")
    for to, options in (("sharegpt", {}), ("chatml", {"every_turn": True}), ("claude_text", {"container": "csv"})):
        out = tmp_path / f"out.{options.get('container', 'jsonl')}"
        told("convert", rows, out, "--to", to, *["--every-turn"] * ("every_turn" in options))
        made = english.predict(file=handle_file(rows), to=to, options=options, api_name="/convert")
        assert Path(made["path"] if isinstance(made, dict) else made).read_bytes() == out.read_bytes()


def test_a_file_of_the_workspace_is_named_by_its_path_there(english, rows, server):
    folder = server[1] / "data"
    folder.mkdir(exist_ok=True)
    (folder / "mine.jsonl").write_bytes(rows.read_bytes())
    assert english.predict(file="data/mine.jsonl", api_name="/inspect")["rows_good"] == 1


def test_a_path_outside_the_workspace_is_refused_links_included(english, rows, server):
    (server[1] / "link.jsonl").symlink_to(rows)
    for file in (str(rows), "../secret.jsonl", "link.jsonl", {"path": str(rows)}, "", "runs"):
        with pytest.raises(AppError):
            english.predict(file=file, api_name="/inspect")


def test_a_column_outside_the_workspace_is_refused(english, tmp_path):
    for column in (str(tmp_path), "../../elsewhere", "nobody"):
        with pytest.raises(AppError):
            english.predict(prompt="hi", adapters=[column], options={}, api_name="/chat")


@pytest.mark.parametrize(
    ("endpoint", "arguments", "words"),
    [
        ("train", {"spec": SHORT | {"adapter.rank": 3}}, ["adapter.rank", "adapter.r"]),
        ("train", {"spec": "identiti"}, ["identiti", "identity"]),
        ("train", {"spec": SHORT | {"identity.name": "x" * 200}}, ["identity.name", "200", "60"]),
        ("train", {"spec": SHORT | {"data.path": "gone.json"}}, ["gone.json"]),
        ("train", {"spec": SHORT | {"data.path": __file__}}, [__file__]),  # is there, but not in the workspace
        ("train", {"spec": SHORT | {"model.path": "/gone/model"}}, ["/gone/model"]),
        ("train", {"spec": SHORT | {"run": "base"}}, ["base"]),
        ("status", {"run": "nobody"}, ["nobody"]),
        ("metrics", {"run": "../..", "since": 0}, ["../.."]),
        ("chat", {"prompt": "", "adapters": ["base"], "options": {}}, []),
        ("chat", {"prompt": "hi", "adapters": ["base"], "options": {"heat": 1}}, ["heat"]),
        ("preview", {"file": "data/none.json", "row": 1, "options": {}}, ["none.json"]),
        ("preview", {"file": "data/none.json", "row": None, "options": {}}, ["row", "None"]),
        ("preview", {"file": "data/none.json", "row": 1.5, "options": {}}, ["row", "1.5"]),
        ("preview", {"file": "data/none.json", "row": "two", "options": {}}, ["row", "two"]),
        ("preview", {"file": "data/few.jsonl", "row": 1, "options": ["encoding"]}, ["options", "encoding"]),
        ("convert", {"file": "data/few.jsonl", "to": "chatml", "options": {"every_turn": "false"}}, ["every_turn"]),
    ],
)
def test_what_cannot_be_done_is_refused_in_the_mounts_language(english, chinese, server, endpoint, arguments, words):
    before = sorted(path.name for path in (server[1] / "runs").glob("*"))
    (server[1] / "data").mkdir(exist_ok=True)
    (server[1] / "data" / "few.jsonl").write_text('{"query": "q", "response": "a"}\n')
    texts = []
    for client in (english, chinese):
        with pytest.raises(AppError) as caught:
            client.predict(**arguments, api_name=f"/{endpoint}")
        texts.append(str(caught.value))
    for text in texts:
        assert all(word in text for word in words), text
        assert "Traceback" not in text
    assert any("一" <= sign <= "鿿" for sign in texts[1]), texts[1]
    assert not any("一" <= sign <= "鿿" for sign in texts[0]), texts[0]
    assert sorted(path.name for path in (server[1] / "runs").glob("*")) == before  # nothing half-written


def test_another_sites_page_cannot_start_anything(server):
    address = server[0]
    answer = httpx.post(
        f"{address}/en/gradio_api/call/train", json={"data": [SHORT]}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    rebound = httpx.get(f"{address}/en/gradio_api/info", headers={"host": "evil.example"})
    assert rebound.status_code == 403


def test_with_a_password_everything_asks_for_it(tmp_path):
    with serving(tmp_path / "workspace", "--auth", "anna:geheim") as (address, _):
        for path in ("/", "/en/", "/zh/gradio_api/info", "/static/live.js", "/live/runs", "/v1/models"):
            assert httpx.get(f"{address}{path}").status_code == 401, path
        client = Client(f"{address}/en", verbose=False, httpx_kwargs={"auth": ("anna", "geheim")})
        assert client.predict(api_name="/runs") == []
