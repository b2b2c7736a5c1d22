"""Every error of the model libraries becomes one of ours, and says what to check."""

import inspect
import socket
import ssl

import httpx2
import langchain_core.exceptions
import langchain_openai.chat_models.base
import openai
import pytest
from langchain_openai import StreamChunkTimeoutError
from langgraph.errors import GraphInterrupt

from agents.errors import (
    ModelAnswerError,
    ModelError,
    ModelOverflowError,
    ModelRefusedError,
    ModelThrottledError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from agents.models.failures import (
    DEFAULT_RETRY_AFTER,
    LIBRARY_ERRORS,
    MOST_RETRY_AFTER,
    model_error,
    translated,
)

REQUEST = httpx2.Request("POST", "https://models.example/v1/chat/completions")
OWNERS = ("openai", "langchain_core", "langchain_openai", "httpx2")
OF_OTHER_PARTS = ("OpenAIRefusalError",)
"""Raised by `with_structured_output`, which nothing here uses."""

NOW = "Tue, 24 Nov 2026 10:00:00 GMT"


def library_exceptions() -> list[type[Exception]]:
    modules = (openai, langchain_core.exceptions, langchain_openai.chat_models.base, httpx2)
    return sorted(
        {
            member
            for module in modules
            for member in tuple(vars(module).values())
            if inspect.isclass(member)
            and issubclass(member, Exception)
            and not issubclass(member, Warning)
            and member.__module__.partition(".")[0] in OWNERS
            and member.__name__ not in OF_OTHER_PARTS
        },
        key=lambda each: f"{each.__module__}.{each.__name__}",
    )


def instance(kind: type[Exception]) -> Exception:
    """One of that kind, with what its constructor sets and as little else as it allows."""
    if issubclass(kind, openai.APIStatusError):
        return status_error(getattr(kind, "status_code", 500), kind=kind)
    error = kind.__new__(kind, "gone")
    error.args = ("gone",)
    if isinstance(error, openai.APIError):
        openai.APIError.__init__(error, "gone", REQUEST, body=None)
    return error


def status_error(
    status: int,
    *,
    kind: type[openai.APIStatusError] = openai.APIStatusError,
    headers: dict[str, str] | None = None,
    **body: str,
) -> openai.APIStatusError:
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    error = kind.__new__(kind)
    openai.APIStatusError.__init__(
        error, body.get("message", "gone"), response=response, body=body or None
    )
    return error


@pytest.mark.parametrize("kind", library_exceptions(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_libraries_is_caught_and_translated(kind):
    error = instance(kind)
    assert isinstance(error, LIBRARY_ERRORS)
    translation = model_error(error, "openai:m")
    assert isinstance(translation, ModelError)
    assert type(translation) is not ModelError
    assert str(translation).startswith(("openai:m", "There is no openai:m", "The account of"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, ModelRefusedError),
        (401, ModelRefusedError),
        (403, ModelRefusedError),
        (404, ModelRefusedError),
        (408, ModelTimeoutError),
        (409, ModelUnavailableError),
        (413, ModelOverflowError),
        (422, ModelRefusedError),
        (429, ModelThrottledError),
        (500, ModelUnavailableError),
        (503, ModelUnavailableError),
        (529, ModelUnavailableError),
    ],
)
def test_each_status_is_the_error_that_says_what_can_be_done(status, expected):
    assert type(model_error(status_error(status), "m")) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", "date": NOW}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 09:00:00 GMT", "date": NOW}, 0.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT"}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "soon", "date": NOW}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "-3"}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "nan"}, DEFAULT_RETRY_AFTER),
        ({"retry-after": "999999999999"}, MOST_RETRY_AFTER),
        ({}, DEFAULT_RETRY_AFTER),
    ],
)
def test_a_throttled_call_knows_when_to_come_back(headers, seconds):
    error = model_error(status_error(429, headers=headers), "m")
    assert isinstance(error, ModelThrottledError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("key", ["code", "type"])
def test_an_account_without_credit_is_refused_and_not_throttled(key):
    error = model_error(status_error(429, **{key: "insufficient_quota"}), "m")
    assert isinstance(error, ModelRefusedError)
    assert "billing" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        {"code": "context_length_exceeded"},
        {"type": "exceed_context_size_error"},
        {"message": "This model's maximum context length is 8192 tokens."},
        {"message": "the request exceeds the available context size"},
    ],
)
def test_material_that_is_too_long_is_an_overflow_however_it_is_said(body):
    assert isinstance(model_error(status_error(400, **body), "m"), ModelOverflowError)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("insufficient_quota", ModelRefusedError),
        ("rate_limit_exceeded", ModelThrottledError),
        ("context_length_exceeded", ModelOverflowError),
        ("server_error", ModelUnavailableError),
    ],
)
def test_an_error_within_a_stream_is_known_by_its_code(code, expected):
    error = openai.APIError("stopped", REQUEST, body={"code": code})
    assert type(model_error(error, "m")) is expected


def caused_by(cause: Exception) -> Exception:
    error = openai.APIConnectionError(request=REQUEST)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (caused_by(ConnectionRefusedError(111, "refused")), "nothing listens there"),
        (caused_by(socket.gaierror(-2, "unknown")), "host name is not known"),
        (caused_by(ssl.SSLError(1, "[SSL] wrong version")), "certificate"),
        (caused_by(httpx2.RemoteProtocolError("peer closed")), "the connection broke"),
        (caused_by(OSError(113, "No route to host")), "check the network"),
        (status_error(401), "check OPENAI_API_KEY"),
        (status_error(404), "check the model's name and OPENAI_BASE_URL"),
        (status_error(400, message="No such field."), "No such field."),
        (StreamChunkTimeoutError(1.0), "took too long"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_says_what_to_check(error, advice):
    assert advice in str(model_error(error, "openai:m"))


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-proj-12345.",
        "The key hunter2hunter2 is unknown.",
        "Bad request by key-abc*****xyz",
    ],
)
@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500])
def test_no_error_tells_the_key(message, status):
    error = model_error(status_error(status, message=message), "m", secret="hunter2hunter2")
    assert not any(part in str(error) for part in ("12345", "hunter2", "abc*"))


def test_a_long_message_of_a_provider_is_shortened():
    assert len(str(model_error(status_error(400, message="x" * 9_000), "m"))) < 500


def test_the_original_error_is_kept_as_the_cause():
    original = status_error(500)
    with pytest.raises(ModelUnavailableError) as raised, translated("m"):
        raise original
    assert raised.value.__cause__ is original


@pytest.mark.parametrize("signal", [GraphInterrupt, ModelAnswerError, KeyboardInterrupt])
def test_signals_and_errors_of_ours_pass(signal):
    with pytest.raises(signal), translated("m"):
        raise signal("as it is")
