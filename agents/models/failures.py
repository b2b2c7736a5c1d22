"""Errors of model libraries become ours, each with one sentence that says what to check.

*Guarantees*: no sentence contains the key.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import openai
from langchain_core import exceptions as langchain

from agents.errors import (
    ModelAnswerError,
    ModelError,
    ModelOverflowError,
    ModelRefusedError,
    ModelThrottledError,
    ModelTimeoutError,
    ModelUnavailableError,
)

DEFAULT_RETRY_AFTER: Final = 5.0
"""Seconds to wait where a provider does not say how long."""

MOST_RETRY_AFTER: Final = 24 * 3600.0

LIBRARY_ERRORS: Final = (
    openai.OpenAIError,
    langchain.LangChainException,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    httpx2.CookieConflict,
    OSError,
    # What the clients stumble over when a reply is not what it claims to be.
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)

_OVERFLOWS: Final = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_OVERFLOW: Final = re.compile(
    r"maximum context length|context window|context size|prompt is too long", re.IGNORECASE
)
_NO_CREDIT: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_SECRET: Final = re.compile(r"\b(sk|key)-[\w*.-]+", re.IGNORECASE)
_MOST_QUOTED: Final = 300


@contextmanager
def translated(model: str, *, secret: str = "") -> Iterator[None]:
    """Within it, errors of the libraries are raised as a ModelError about `model`."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise model_error(error, model, secret=secret) from error


def model_error(error: Exception, model: str, *, secret: str = "") -> ModelError:
    """What `error` means to whoever asked `model`."""
    said = _quoted(error, secret)
    if _is_overflow(error):
        return ModelOverflowError(
            f"{model} cannot read that much at once: ask about less, or choose a model that can."
        )
    match error:
        case openai.APITimeoutError() | langchain.ModelTimeoutError() | httpx2.TimeoutException():
            return _timeout(model)
        case openai.APIConnectionError():
            return _unreachable(error, model, f" at {error.request.url.host}")
        case openai.APIStatusError():
            return _refusal(error, model, said)
        case openai.APIResponseValidationError():
            return _nonsense(model)
        case openai.APIError() if error.code in _NO_CREDIT or error.type in _NO_CREDIT:
            return _no_credit(model)
        case openai.APIError() if "rate_limit" in f"{error.code} {error.type}":
            return _throttled(model, DEFAULT_RETRY_AFTER)
        case openai.LengthFinishReasonError() | openai.ContentFilterFinishReasonError():
            return ModelAnswerError(f"{model} did not finish its answer: {said}")
        case langchain.ModelRateLimitError():
            return _throttled(model, DEFAULT_RETRY_AFTER)
        case langchain.ModelAuthenticationError() | langchain.ModelPermissionDeniedError():
            return _key_refused(model)
        case langchain.ModelNotFoundError() | langchain.ModelInvalidRequestError():
            return ModelRefusedError(f"{model} refused what it was asked: {said}")
        case langchain.OutputParserException():
            return _nonsense(model)
        case openai.OpenAIError() | langchain.LangChainException():
            return ModelUnavailableError(f"{model} failed, try again: {said}")
        case TimeoutError():
            return _timeout(model)
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return ModelRefusedError(f"{model} has an address that is none: check OPENAI_BASE_URL.")
        case httpx2.HTTPError() | httpx2.StreamError() | OSError():
            return _unreachable(error, model, "")
        case _:
            return _nonsense(model)


def _refusal(error: openai.APIStatusError, model: str, said: str) -> ModelError:
    status = error.status_code
    if status == 429:
        if error.code in _NO_CREDIT or error.type in _NO_CREDIT:
            return _no_credit(model)
        return _throttled(model, _retry_after(error.response.headers))
    if status == 408:
        return _timeout(model)
    if status >= 500 or status == 409:
        return ModelUnavailableError(
            f"{model} is out of order (HTTP {status}): try again later, or choose another model."
        )
    if status in (401, 403):
        return _key_refused(model)
    if status == 404:
        return ModelRefusedError(
            f"There is no {model} at {error.request.url.host}: check the model's name and "
            "OPENAI_BASE_URL."
        )
    return ModelRefusedError(
        f"{model} refused what it was asked (HTTP {status}): {said} Check the model's name and "
        "OPENAI_BASE_URL."
    )


def _unreachable(error: Exception, model: str, place: str) -> ModelUnavailableError:
    for cause in _causes(error):
        match cause:
            case ssl.SSLError():
                why = "the connection is not secure: check OPENAI_BASE_URL and its certificate."
            case socket.gaierror():
                why = "its host name is not known: check OPENAI_BASE_URL and the network."
            case ConnectionRefusedError():
                why = "nothing listens there: is it running, and is OPENAI_BASE_URL right?"
            case httpx2.RemoteProtocolError() | httpx2.ReadError() | ConnectionResetError():
                why = "the connection broke: try again."
            case _:
                continue
        return ModelUnavailableError(f"{model}{place} cannot be reached: {why}")
    return ModelUnavailableError(
        f"{model}{place} cannot be reached: check the network and OPENAI_BASE_URL."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _retry_after(headers: httpx2.Headers) -> float:
    """Seconds; a date counts from the moment at which the provider itself says that it is."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return _bounded(milliseconds / 1000)
    said = headers.get("retry-after")
    if (seconds := _number(said)) is not None:
        return _bounded(seconds)
    until, now = _instant(said), _instant(headers.get("date"))
    if until is None or now is None:
        return DEFAULT_RETRY_AFTER
    return _bounded((until - now).total_seconds())


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip()) else None


def _instant(text: str | None) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MOST_RETRY_AFTER)


def _is_overflow(error: Exception) -> bool:
    if isinstance(error, langchain.ContextOverflowError):
        return True
    if not isinstance(error, openai.APIError):
        return False
    if isinstance(error, openai.APIStatusError) and error.status_code not in (400, 413, 422):
        return False
    return (
        error.code in _OVERFLOWS
        or error.type in _OVERFLOWS
        or getattr(error, "status_code", None) == 413
        or _OVERFLOW.search(error.message) is not None
    )


def _quoted(error: Exception, secret: str) -> str:
    body = error.body if isinstance(error, openai.APIError) else None
    told = body.get("message") if isinstance(body, dict) else None
    text = told if isinstance(told, str) else str(error)
    if secret:
        text = text.replace(secret, "…")
    text = " ".join(_SECRET.sub("…", text).split())
    text = f"{text[:_MOST_QUOTED]}…" if len(text) > _MOST_QUOTED else text
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."


def _timeout(model: str) -> ModelTimeoutError:
    return ModelTimeoutError(f"{model} took too long: try again, or allow it more time.")


def _throttled(model: str, retry_after: float) -> ModelThrottledError:
    return ModelThrottledError(
        f"{model} wants fewer calls: try again in {retry_after:.0f} s.", retry_after=retry_after
    )


def _no_credit(model: str) -> ModelRefusedError:
    return ModelRefusedError(
        f"The account of {model} has no credit left: check its plan and billing, or use another "
        "OPENAI_API_KEY."
    )


def _key_refused(model: str) -> ModelRefusedError:
    return ModelRefusedError(
        f"{model} refused the key: check OPENAI_API_KEY and whether it may use this model."
    )


def _nonsense(model: str) -> ModelAnswerError:
    return ModelAnswerError(
        f"{model} answered with something that is no reply of a model: check OPENAI_BASE_URL."
    )
