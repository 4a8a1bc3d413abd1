"""models/sources.py: a hub name -> a folder, through the real client against a hub of our own in this process."""

import hashlib
import http.server
import json
import threading

import pytest

from workbench.errors import UserError
from workbench.models import sources
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub's API as a download asks for; `files` and `status` are set by the test."""

    def do_HEAD(self):  # noqa: N802
        self._answer(body=False)

    def do_GET(self):  # noqa: N802
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.server.asked.append(self.path)
        self.server.tokens.add(self.headers.get("Authorization"))
        path, server = self.path.split("?")[0], self.server
        name = path.rpartition(f"/resolve/{COMMIT}/")[2]
        if server.refusal:
            self._send(server.refusal[0], b"", {"X-Error-Code": server.refusal[1]}, body)
        elif path.startswith("/api/models/") and "/tree/" in path:
            rows = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in server.files.items()
            ]
            self._send(200, json.dumps(rows).encode(), {"Content-Type": "application/json"}, body)
        elif path.startswith("/api/models/"):
            info = {"id": "us/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in server.files]}
            self._send(200, json.dumps(info).encode(), {"Content-Type": "application/json"}, body)
        elif body and name == server.broken:
            self._send(500, b"", {}, body)
        elif name in server.files:
            if body:
                server.bodies.append(self.path)
            data = server.files[name]
            etag = f'"{hashlib.sha1(data).hexdigest()}"'
            self._send(200, data, {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}, body)
        else:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)

    def _send(self, status: int, data: bytes, headers: dict, body: bool) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    import huggingface_hub.constants as constants

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.files, server.refusal, server.asked, server.tokens = {}, None, [], set()
    server.broken, server.bodies = None, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def refused(name: str) -> UserError:
    with pytest.raises(UserError) as caught:
        sources.folder(name, lambda fraction: None)
    assert name.removeprefix("ms://") in caught.value.text("zh")
    return caught.value


def test_a_model_is_downloaded_with_progress_and_without_its_pickles(hub, tiny_model):
    hub.files = {path.name: path.read_bytes() for path in tiny_model("qwen3").iterdir()}
    hub.files["pytorch_model.bin"] = b"never asked for"
    seen = []
    base = Hub().load(ModelSection(path="us/tiny", device="cpu"), progress=seen.append)
    assert base.name == "us/tiny" and base.model.config.hidden_size == 32
    assert seen[0] == 0.0 and seen[-1] == 1.0 and len(seen) > 2 and sorted(seen) == seen
    assert not any("pytorch_model.bin" in path for path in hub.asked if "/resolve/" in path)


@pytest.mark.parametrize(("refusal", "key"), [
    ((404, "RepoNotFound"), "hub.unknown_name"),
    ((401, "GatedRepo"), "hub.gated"),
    ((403, "GatedRepo"), "hub.gated"),
])  # fmt: skip
def test_what_the_hub_refuses_is_said_with_the_next_step(hub, refusal, key):
    hub.refusal = refusal
    assert refused("us/tiny").key == key


def test_no_network_is_said_as_such(monkeypatch):
    import huggingface_hub.constants as constants

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert refused("us/unheard-of").key == "hub.no_network"


@pytest.mark.parametrize("name", ["./nowhere", "../nowhere", "/nowhere/at/all", "a/b/c", "~/nowhere", "C:\\x", "a b"])
def test_what_looks_like_a_path_is_not_asked_of_the_hub(hub, name):
    assert refused(name).key == "hub.no_such_path"
    assert hub.asked == []


def test_a_download_that_broke_off_goes_on_without_fetching_again_what_is_there(hub, tiny_model):
    hub.files = {path.name: path.read_bytes() for path in tiny_model("qwen3").iterdir()}
    weights = hub.files["model.safetensors"]
    hub.broken = "model.safetensors"
    assert refused("us/tiny").key in ("hub.download_failed", "hub.no_network")
    hub.broken, hub.bodies = None, []
    folder = sources.folder("us/tiny", lambda fraction: None)
    assert (folder / "model.safetensors").read_bytes() == weights
    fetched = [path.rpartition("/")[2].split("?")[0] for path in hub.bodies if "/resolve/" in path]
    assert "model.safetensors" in fetched and "config.json" not in fetched


def test_a_token_goes_into_the_request_and_nowhere_else(hub, tiny_model, tmp_path):
    hub.files = {path.name: path.read_bytes() for path in tiny_model("qwen3").iterdir()}
    models = Hub()
    models.token = "hf_abc"
    models.resolve_path("us/tiny")
    assert "Bearer hf_abc" in hub.tokens
    assert not any(b"hf_abc" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_modelscope_name_is_fetched_by_its_library_with_progress(tmp_path, monkeypatch):
    callback = pytest.importorskip("modelscope.hub.callback")
    import importlib

    # `modelscope.hub` offers the function under the module's name.
    library = importlib.import_module("modelscope.hub.snapshot_download")

    def fetch(name, allow_patterns, progress_callbacks):
        assert name == "qwen/tiny" and "*.safetensors" in allow_patterns and "*.bin" not in allow_patterns
        (kind,) = progress_callbacks
        assert issubclass(kind, callback.ProgressCallback)
        first, second = kind("a", 100), kind("b", 300)
        first.update(100)
        second.update(300)
        return str(tmp_path)

    monkeypatch.setattr(library, "snapshot_download", fetch)
    seen = []
    assert sources.is_hub_name("ms://qwen/tiny")
    assert sources.folder("ms://qwen/tiny", seen.append) == tmp_path
    assert seen == [0.25, 1.0]


def test_modelscope_without_its_library_or_without_the_model_is_said_as_such(monkeypatch):
    from workbench.models import modelscope

    monkeypatch.setattr(modelscope.importlib.util, "find_spec", lambda name: None)
    error = refused("ms://qwen/tiny")
    assert error.key == "hub.modelscope_missing" and "pip install modelscope" in error.text("zh")
