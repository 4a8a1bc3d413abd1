"""A server that speaks OpenAI's chat API in this process, and remembers what it was asked."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-test-0123456789abcdef"


class FakeServer:
    """`replies(prompt, number)` answers a text, or (status, document, headers). What was asked stands in `asked`."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.keys: list[str | None] = []
        self.replies = lambda prompt, number: json.dumps([{"question": f"Q {prompt}", "answer": "A"}])
        self.gate = threading.Event()  # cleared: answers wait
        self.gate.set()
        self.waiting = threading.Event()
        fake, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    fake.asked.append(body | {"path": self.path})
                    fake.keys.append(self.headers.get("authorization"))
                    number = len(fake.asked)
                fake.waiting.set()
                fake.gate.wait(30)
                found = fake.replies(body["messages"][0]["content"], number)
                status, document, headers = found if isinstance(found, tuple) else (200, _completion(found), {})
                data = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"content-length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


def _completion(text: str) -> dict:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


@contextmanager
def fake_server():
    server = FakeServer()
    try:
        yield server
    finally:
        server.close()
