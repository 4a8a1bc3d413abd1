"""A free port -> a server process of its own with a workspace of its own, as a user starts it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_recipe(home: Path, *, max_steps: int, every: int) -> None:
    """The workspace's own `identity` preset: the shipped recipe with fewer steps."""
    recipe = {
        "stage": "sft",
        "data": {"max_length": 256},
        "adapter": {"r": 16, "lora_alpha": 32},
        "training": {"learning_rate": 0.004, "max_steps": max_steps, "save_steps": 20},
        "probes": {"path": "identity", "every": every},
    }
    (home / "presets").mkdir(parents=True, exist_ok=True)
    (home / "presets" / "identity.yaml").write_text(json.dumps(recipe))


@contextmanager
def serving(home: Path, *arguments: str, port: int | None = None):
    """Yields the address and the process. The server's output is in server.log beside the workspace."""
    port = port or free_port()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "WORKBENCH_LANG": "en"}
    environment["GRADIO_TEMP_DIR"] = str(home.parent / "uploads")
    command = [sys.executable, str(ROOT / "webui.py"), "--port", str(port), "--home", str(home), *arguments]
    with (home.parent / f"server-{port}.log").open("a") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/", process, Path(log.name))
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def wait_until_it_answers(address: str, process: subprocess.Popen, log: Path) -> None:
    """Raises AssertionError with the server's own words when it ends or stays silent."""
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(address, timeout=10)
            return
        except urllib.error.HTTPError:  # it answers: perhaps it wants a password
            return
        except OSError:
            said = log.read_text()
            assert process.poll() is None, f"the server ended: {said}"
            assert time.monotonic() < deadline, f"the server does not answer: {said}"
            time.sleep(0.05)  # another process: there is no event to wait for
