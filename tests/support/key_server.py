"""A web server on this machine that gives out a key set, or whatever a test has it answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class KeyServer:
    """Answers every GET with `status`, `headers` and `body`, and notes the paths asked for.

    While `held` is clear, no answer is given.
    """

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b'{"keys": []}'
        self.asked: list[str] = []
        self.held = threading.Event()
        self.held.set()
        self.url = ""


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """A server on a port of its own, for the time of a test."""
    state = KeyServer()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.held.wait(30)
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/keys?v=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.held.set()
        server.shutdown()
        thread.join()
        server.server_close()
