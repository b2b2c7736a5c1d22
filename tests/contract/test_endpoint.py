"""A server that is asked over HTTP, and does everything but answer."""

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import duckdb
import pytest

from agents.datasets import endpoint
from agents.datasets.credentials import set_apart
from agents.datasets.endpoint import endpoint_of
from agents.datasets.interruptible import Interruption
from agents.errors import DatasetUnreachableError
from tests.support.http_server import Answer, body, serving


def ask(location: str, interruption: Interruption | None = None) -> object:
    asked = endpoint_of(set_apart(location), default_port=80, hint="write it right")
    return asked.get("/api", {"a": "b c"}, interruption or Interruption())


def test_an_answer_is_read_with_who_asks() -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["Authorization"]))
        body(b'{"x": [1]}')(handler)

    with serving(answer) as port:
        assert ask(f"rabbitmq://ann:s%2Fcret@127.0.0.1:{port}") == {"x": [1]}
        assert ask(f"prometheus+http://127.0.0.1:{port}") == {"x": [1]}
    assert seen == [("/api?a=b+c", "Basic YW5uOnMvY3JldA=="), ("/api?a=b+c", None)]


def test_a_password_may_come_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine known.example login ann password s3cret\n")
    netrc.chmod(0o600)

    def login(address: str) -> tuple[str, str]:
        known = endpoint_of(address, default_port=80, hint="")
        return known.user, known.password

    assert login("rabbitmq://known.example") == ("ann", "s3cret")
    assert login("rabbitmq://ann@known.example") == ("ann", "s3cret")
    assert login("rabbitmq://ben@known.example") == ("ben", "")
    assert login("rabbitmq://other.example") == ("", "")
    netrc.write_text("machine known.example nonsense\n")
    with pytest.raises(DatasetUnreachableError, match="netrc cannot be used"):
        login("rabbitmq://known.example")


def test_credentials_do_not_follow_a_redirect() -> None:
    reached: list[str] = []

    def elsewhere(handler: BaseHTTPRequestHandler) -> None:
        reached.append(handler.path)

    with serving(elsewhere) as there:
        away = body(b"", status=302, Location=f"http://127.0.0.1:{there}/")
        with (
            serving(away) as port,
            pytest.raises(DatasetUnreachableError, match="sends us elsewhere"),
        ):
            ask(f"rabbitmq://ann:secret@127.0.0.1:{port}")
    assert reached == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (body(b"<html>hello</html>"), "no JSON; write it right"),
        (body(b"[" * 100_000), "no JSON"),
        (body(b"", status=204), "status 204"),
        (
            body(b'{"reason": "s3cret is wrong"}', status=401),
            r"refuses user ann.*\(\*\*\* is wrong",
        ),
        (body(b"nothing", status=404), "nothing of that name; write it right"),
        (body(b"oops", status=500), "HTTP status 500"),
        (lambda handler: handler.wfile.write(b"AMQP\0\0\x09\x01"), "write it right"),
        (lambda handler: handler.connection.close(), "write it right"),
    ],
)
def test_what_is_no_answer_is_told_in_one_sentence(answer: Answer, said: str) -> None:
    with serving(answer) as port, pytest.raises(DatasetUnreachableError, match=said) as caught:
        ask(f"rabbitmq://ann:s3cret@127.0.0.1:{port}")
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "MAX_BYTES", 1 << 20)

    def flood(handler: BaseHTTPRequestHandler) -> None:
        body(b"")(handler)
        try:
            while True:
                handler.wfile.write(b" " * 65_536)
        except OSError:
            return

    with serving(flood) as port, pytest.raises(DatasetUnreachableError, match="exceeds 1 MiB"):
        ask(f"rabbitmq://127.0.0.1:{port}")


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "SILENCE", 0.2)
    done = threading.Event()
    with serving(lambda _: bool(done.wait(30)) and None) as port:
        with pytest.raises(DatasetUnreachableError, match=r"says nothing for 0\.2 s"):
            ask(f"rabbitmq://127.0.0.1:{port}")
        done.set()


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.0 200 OK\r\n\r\n["])
def test_who_is_asked_to_stop_does_not_wait_for_the_server(begin: bytes) -> None:
    asked, done = threading.Event(), threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begin)
        asked.set()
        done.wait(30)

    interruption = Interruption()

    def stop() -> None:
        asked.wait(10)
        interruption.ask()

    stopping = threading.Thread(target=stop)
    with serving(hang) as port:
        stopping.start()
        with pytest.raises(duckdb.InterruptException):
            ask(f"rabbitmq://127.0.0.1:{port}", interruption)
        done.set()
    stopping.join()


def test_a_certificate_that_nobody_vouches_for_is_not_trusted() -> None:
    with (
        serving(body(b"{}")) as port,
        pytest.raises(DatasetUnreachableError, match="does not speak TLS"),
    ):
        ask(f"rabbitmqs://127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["rabbitmq:///shop", "rabbitmq://h:port", "rabbitmq://[::/x"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(DatasetUnreachableError, match="is no address: write it right"):
        ask(address)
