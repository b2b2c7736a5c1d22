"""A server that is asked for JSON over HTTP, in bounded time and size.

*Guarantees*: nothing but GET is sent. No redirect is followed and no proxy used, so that what signs
in reaches only the server that was named. No error says the password. Who is asked to stop does not
wait for the server once it is connected.
"""

import json
import netrc
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import unquote, urlencode, urlsplit

from pydantic import JsonValue

from agents.datasets.credentials import password_of
from agents.datasets.interruptible import Interruption
from agents.errors import DatasetUnreachableError

SILENCE: Final = 15.0
"""Seconds that a server may say nothing."""

MAX_SECONDS: Final = 60.0
"""For one answer."""

MAX_BYTES: Final = 32 << 20
"""Of one answer, which is held in memory."""

BLOCK_BYTES: Final = 1 << 16
MAX_REASON: Final = 300
"""Characters of what a server says that are repeated."""


class AnsweredError(DatasetUnreachableError):
    """The server refused with an HTTP `status`; `told` is what it says itself, or nothing."""

    def __init__(self, message: str, *, status: int, told: str) -> None:
        super().__init__(message)
        self.status = status
        self.told = told


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server is, and how it knows us. `location` holds no password.

    `path` stands in the address after the host, decoded. `hint` completes what is said of a server
    that does not answer as it should.
    """

    location: str
    host: str
    port: int
    is_secure: bool
    path: str
    parameters: Mapping[str, str]
    hint: str
    user: str = ""
    password: str = field(default="", repr=False)

    def get(
        self, path: str, parameters: Mapping[str, str], interruption: Interruption
    ) -> JsonValue:
        """The answer to one question.

        Raises:
            AnsweredError: the server refuses, or there is nothing at that path.
            DatasetUnreachableError: it cannot be reached, is too slow, or talks of something else.
        """
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        with self._connected(interruption) as connection:
            connection.request("GET", target, headers=self._headers())
            with closing(connection.getresponse()) as response:
                body = self._body(response, interruption)
        interruption.check()
        if response.status != 200:
            raise self._refusal(response, body)
        try:
            answer: JsonValue = json.loads(body)
        except (ValueError, RecursionError):
            raise self.failed(f"the answer is no JSON; {self.hint}") from None
        return answer

    def failed(self, reason: str) -> DatasetUnreachableError:
        """The error that says so of this server."""
        return DatasetUnreachableError(f"{self.location} cannot be read: {reason}.")

    @contextmanager
    def _connected(self, interruption: Interruption) -> Iterator[HTTPConnection]:
        connection = (
            HTTPSConnection(
                self.host, self.port, timeout=SILENCE, context=ssl.create_default_context()
            )
            if self.is_secure
            else HTTPConnection(self.host, self.port, timeout=SILENCE)
        )
        asking = _Asking()
        try:
            with interruption.of(asking):
                connection.connect()
                asking.socket = connection.sock  # which the connection gives away to its answer
                yield connection
        except TimeoutError:
            raise self.failed(f"it says nothing for {SILENCE:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            interruption.check()
            raise self.failed(f"{_said(error)}; {self.hint}") from None
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "convener"}
        if self.user:
            login = b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        return headers

    def _body(self, response: HTTPResponse, interruption: Interruption) -> bytes:
        end = time.monotonic() + MAX_SECONDS
        body = bytearray()
        while block := response.read1(BLOCK_BYTES):
            interruption.check()
            body += block
            if len(body) > MAX_BYTES:
                raise self.failed(f"an answer exceeds {MAX_BYTES >> 20} MiB: ask for less")
            if time.monotonic() > end:
                raise self.failed(f"an answer takes more than {MAX_SECONDS:g} s: ask for less")
        return bytes(body)

    def _refusal(self, response: HTTPResponse, body: bytes) -> AnsweredError:
        match response.status:
            case 401 | 403:
                who = f"user {self.user}" if self.user else "us without a user"
                reason = f"it refuses {who}; check what the user may see, and the password in the "
                reason += "address or in ~/.netrc"
            case status if 300 <= status < 400:
                reason = "it sends us elsewhere; name the address that it leads to"
            case 404:
                reason = f"it has nothing of that name; {self.hint}"
            case status:
                reason = f"it answers with HTTP status {status}; {self.hint}"
        told = self._told(body)
        message = str(self.failed(f"{reason} ({told})" if told else reason))
        return AnsweredError(message, status=response.status, told=told)

    def _told(self, body: bytes) -> str:
        """What the server itself says is wrong."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            return ""
        said = answer.get("reason") or answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(said, str):
            return ""
        plain = " ".join(said.split())[:MAX_REASON].rstrip(".")
        return plain.replace(self.password, "***") if self.password else plain


def endpoint_of(location: str, *, default_port: int, hint: str) -> Endpoint:
    """The server behind an address whose password is known to this process, or to `~/.netrc`.

    Raises:
        DatasetUnreachableError: it is no address, or `~/.netrc` cannot be understood.
    """
    try:
        address, _, query = location.partition("?")  # a query may hold what ends an address
        parts = urlsplit(address)
        port = parts.port or default_port
        pairs = [each.partition("=") for each in query.split("&") if each]
    except ValueError:
        parts, port, pairs = None, 0, []
    if parts is None or not parts.hostname:
        raise DatasetUnreachableError(f"{location} is no address: {hint}.")
    user = unquote(parts.username or "")
    password = password_of(location)
    if password is None:
        user, password = _known_login(parts.hostname, user)
    return Endpoint(
        location=location,
        host=parts.hostname,
        port=port,
        is_secure=parts.scheme in ("rabbitmqs", "prometheus+https"),
        path=parts.path,
        # A plus is no space: people write queries as they are, and sums have one.
        parameters={name: unquote(value) for name, _, value in pairs},
        hint=hint,
        user=user,
        password=password,
    )


class _Asking:
    """A connection as something that can be interrupted, whatever it is waiting for."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None

    def interrupt(self) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


def _known_login(host: str, user: str) -> tuple[str, str]:
    try:
        found = netrc.netrc().authenticators(host)
    except FileNotFoundError:
        found = None
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        reason = error.msg if isinstance(error, netrc.NetrcParseError) else "it cannot be opened"
        raise DatasetUnreachableError(f"~/.netrc cannot be used: {reason}.") from None
    if found is None or (user and user != found[0]):
        return user, ""
    return found[0] or "", found[2] or ""


def _said(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return "it does not speak TLS as it should"
        case socket.gaierror():
            return "there is no host of that name"
        case ConnectionRefusedError():
            return "nothing listens on that port"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return "it does not speak HTTP"
