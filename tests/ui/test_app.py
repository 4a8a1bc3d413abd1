"""The application as a whole: both pages complete and in their language, redirects, refusals, a light start."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from workbench.errors import UserError
from workbench.locales import catalogue
from workbench.specs import STAGES, knobs
from workbench.ui.app import App, _listen, page, serve, web
from workbench.ui.i18n import Texts
from workbench.ui.look import own_words


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    app = App(tmp_path_factory.mktemp("home"))
    return {language: page(app, language).get_config_file() for language in ("en", "zh")}


def shown(config):
    """Every text of a page that a person may read: labels, help, values, choices, headings, placeholders."""
    names = ("label", "info", "placeholder", "value", "choices", "headers", "html_template", "title")
    for component in config["components"]:
        if component["type"] in ("api", "form") or component["props"].get("visible") is False:
            continue
        for name in names:
            value = component["props"].get(name)
            if isinstance(value, dict):  # a table: its keys are not shown
                value = [value.get("headers"), value.get("data")]
            if name == "choices":  # names of formats, methods and values are what they are
                value = [shown for shown, real in value or () if shown != real]
            if value == "${value}":  # Gradio's own template
                continue
            for text in re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(value, ensure_ascii=False)):
                yield component["props"].get("elem_id") or component["type"], re.sub(r"<[^>]*>|\\n", " ", text)


# Names of methods, files, formats and values are the same in Chinese.
NAMES = frozenset(
    re.findall(
        r"\S+",
        """LoRA lora rsLoRA DoRA Hu Liu Kalajdzievski Alpha alpha Dropout Kaiming YAML yaml JSON JSONL jsonl json alpaca
        sharegpt messages Hugging Face CPU GPU auto cpu cuda mps xpu nf4 int8 QLoRA bfloat16 float32 float16 none name
        author NAME AUTHOR identity zh en all linear q_proj v_proj k_proj o_proj true gaussian orthogonal cosine
        constant_with_warmup constant polynomial inverse_sqrt adamw_torch adamw_torch_fused adafactor sgd adamw_8bit
        paged_adamw_8bit embedded English Python spec data train workbench Who are you Top top temperature token base
        Enter Shift ID HTML config""",
    )
)
# Values of knobs and the knobs' own names (`model.quantization=nf4`), and the papers that methods are known by.
NAMES |= {
    word
    for model in STAGES.values()
    for item in knobs(model)
    for text in (*item.choices, *item.path.split("."), *map(str, (item.default, *item.suggestions)))
    for word in re.findall(r"[A-Za-z][A-Za-z0-9_]*", text)
}
NAMES |= set(
    re.findall(
        r"\S+",
        """Zhang Meng Paischer Hayou Kopiczko Houlsby Pan Qiu Büyükakyüz Büy kaky Li VeRA Tuning prefix tuning
        LLM Adapters checkpoint lm_head Chinese LLaMA Alpaca pretrain sft lion attn SwanLab weight torch Adam Trackio
        flash_attention flash Jain power paged NEFTune num_cycles num_decay_steps kernels compile momentum dropout
        TensorBoard min_lr_rate
        ModelScope owner dataset_info HF_ENDPOINT HF_TOKEN HTTPS_PROXY
        attn kernels flash flash_attention torch compile TensorBoard Trackio SwanLab NEFTune Jain Adam weight Wu dropout
        num_cycles min_lr_rate num_decay_steps power momentum lion paged ademamix dft nll eval_fraction eval_steps
        txt docx pdf API OpenAI OPENAI_API_KEY JSON question answer passage count here http rows text
        now remote WORKBENCH_REMOTE_URL""",
    )
)
# Values and templates that no one reads: element classes, and what a component holds before it is filled.
NOT_READ = re.compile(r"(wb-[a-z-]+|str|markdown|upload|clipboard|webcam)")


def test_no_english_stands_in_the_chinese_page(pages):
    found = []
    for place, text in shown(pages["zh"]):
        text = text.replace("\\n", " ")  # line ends of a JSON text
        read = NOT_READ.sub(" ", re.sub(r"(/\S+)+", " ", text))  # paths of the workspace are paths
        words = set(re.findall(r"[A-Za-z][A-Za-z0-9_]{2,}", read)) - NAMES
        if words:
            found.append((place, text[:80], sorted(words)))
    assert not found, found


def test_no_key_of_the_catalogue_is_shown_untranslated(pages):
    keys = set(catalogue("en"))
    for config in pages.values():
        assert [text for _, text in shown(config) if text in keys] == []


def test_both_pages_have_the_same_parts_and_endpoints(pages):
    def ids(config):
        return [component["props"].get("elem_id") for component in config["components"]]

    def names(config):
        return [dependency["api_name"] for dependency in config["dependencies"]]

    assert ids(pages["en"]) == ids(pages["zh"])
    assert names(pages["en"]) == names(pages["zh"])


def test_no_two_components_share_an_id(pages):
    ids = [c["props"].get("elem_id") for c in pages["en"]["components"] if c["props"].get("elem_id")]
    assert sorted(ids) == sorted(set(ids))


def test_the_contract_of_ids_holds(pages):
    ids = {component["props"].get("elem_id") for component in pages["en"]["components"]}
    assert {"tab-start", "tab-train", "tab-runs"} <= ids
    assert {"start-identity-name", "start-identity-author", "start-button", "adapter-r", "model-path"} <= ids


def test_no_state_component_costs_each_tab_a_connection(pages):
    assert [c["type"] for c in pages["en"]["components"] if c["type"] == "state"] == []


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return TestClient(web(App(tmp_path_factory.mktemp("home"))), follow_redirects=False)


def test_the_front_door_leads_to_the_visitors_language(client):
    assert client.get("/", headers={"accept-language": "zh-CN"}).headers["location"] == "/zh/"
    assert client.get("/", headers={"accept-language": "de"}).headers["location"] == "/en/"
    answer = client.get("/", headers={"accept-language": "de", "cookie": "workbench_language=zh"})
    assert answer.headers["location"] == "/zh/"


def test_a_proxys_prefix_stands_before_every_address_of_ours(tmp_path):
    behind = TestClient(web(App(tmp_path), "/proxy/7860/"), follow_redirects=False)
    for prefix in ("", "/proxy/7860"):  # stripped by the proxy, or passed on
        assert behind.get(f"{prefix}/").headers["location"] == "/proxy/7860/en/"
        text = behind.get(f"{prefix}/en/").text
        assert "/proxy/7860/static/live.js" in text
        assert "/proxy/7860/zh/" in text
        assert "http://testserver/proxy/7860/en" in text  # where Gradio's own calls go
        assert behind.get(f"{prefix}/static/live.js").status_code == 200


def test_our_files_and_the_chart_library_come_from_here(client):
    assert client.get("/static/live.js").status_code == 200
    assert int(client.get("/static/plotly/plotly.min.js").headers["content-length"]) > 1_000_000
    assert client.get("/static/plotly/../../__init__.py").status_code == 404


def test_the_page_names_no_address_on_the_network(client):
    text = client.get("/zh/").text
    loaded = re.findall(r'(?:src|href)="(https?://[^"]+)"', text)
    assert loaded == []


def test_files_of_the_workspace_are_not_served(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    client = TestClient(web(App(tmp_path)))
    for language in ("en", "zh"):
        answer = client.get(f"/{language}/gradio_api/file={tmp_path / 'secret.txt'}")
        assert answer.status_code in (403, 404)


def test_a_port_in_use_is_refused_with_the_next_step():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError) as caught:
            serve(port=port)
    assert str(port) in caught.value.text("zh") and "--port" in str(caught.value)


def test_an_address_that_is_not_ours_is_refused():
    with pytest.raises(UserError, match="203.0.113.7"):
        _listen("203.0.113.7", 0)
    with pytest.raises(UserError, match="70000"):
        _listen("127.0.0.1", 70000)


def test_others_may_only_be_let_in_with_a_password():
    with pytest.raises(UserError, match="--auth"):
        serve(host="0.0.0.0", port=0)


SERVER = """
import sys
from workbench.ui.app import serve
serve(port=int(sys.argv[1]), home=sys.argv[2])
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_page_answers_without_torch_in_little_memory(tmp_path):
    import psutil

    port = free_port()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(tmp_path)], env=environment)
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/zh/", timeout=60)
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)  # waits for a process, not for a clock: there is nothing to subscribe to
        assert answer.status == 200
        process = psutil.Process(server.pid)
        assert process.memory_info().rss < 260e6
        loaded = {os.path.basename(item.path) for item in process.memory_maps()}
        assert not any("libtorch" in name for name in loaded)
    finally:
        server.terminate()
        server.wait(60)


def test_the_environments_key_is_asked_by_v1_alone_and_stands_in_no_log(tmp_path, monkeypatch, caplog, capfd):
    key = "sk-of-this-test-0123456789"
    monkeypatch.setenv("WORKBENCH_API_KEY", f" {key} ")
    app = App(tmp_path)
    site = TestClient(web(app, "/wb"), base_url="http://127.0.0.1")
    with caplog.at_level("DEBUG"):
        statuses = {
            given: site.get("/wb/v1/models", headers={"authorization": given} if given else {}).status_code
            for given in ("", "Bearer sk-wrong", f"Bearer {key[:-1]}", f"Basic {key}", "Bearer ", f"Bearer {key}")
        }
        refused = site.post("/wb/v1/chat/completions", json={}, headers={"authorization": "Bearer no"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        page = site.get("/wb/en/")
    app.close()
    assert list(statuses.values()) == [401, 401, 401, 401, 401, 200]
    assert page.status_code == 200
    said = "".join((page.text, refused.text, caplog.text, *capfd.readouterr()))
    assert key not in said and key[:-1] not in said


@pytest.mark.parametrize(("language", "locale", "title"), [("en", "en", "Workbench"), ("zh", "zh-CN", "微调工作台")])
def test_the_document_itself_names_its_language_before_gradio_asks_the_browser_for_one(client, language, locale, title):
    answer = client.get(f"/{language}/", headers={"accept-language": "fr"})
    head = answer.text[: answer.text.index("gradio_config")]
    assert f'<html\n\tlang="{locale}"' in head
    assert (
        f'<title>{title}</title><script>Object.defineProperty(navigator, "language", {{get: () => "{locale}"}}' in head
    )
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_what_gradio_has_in_english_only_is_said_in_chinese():
    words = dict(json.loads(own_words(Texts("zh"))))
    assert words["queue: {place} |"] == "排队 {place} |"
    assert json.loads(own_words(Texts("en"))) == []
    assets = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    scripts = "".join(path.read_text(encoding="utf-8") for path in assets.glob("*.js") if path.stat().st_size < 400_000)
    fixed = [part for said in words for part in re.split(r"\{\w+\}", said) if len(part) > 8]
    assert [part for part in fixed if part not in scripts] == []
