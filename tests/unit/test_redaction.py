"""No token and no key is ever read in a log."""

import io
import json
import logging

import pytest
import structlog

from agents.cli.session import _log_at
from bus.domain.authority import Principal
from bus.keyring import ALL
from bus.keyrings.jwk import make_private
from bus.logs.redaction import RedactingFormatter, redacted, written_without_secrets
from bus.tokens import Tokens
from tests.support.clock import ManualClock
from tests.support.keys import Keys, pair

OWN, _ = pair("k", kinds=ALL)
TOKEN = Tokens(Keys(OWN), clock=ManualClock()).access(
    Principal(subject="ann", scopes=frozenset()), lifetime=60
)
KEY = make_private("k")


@pytest.mark.parametrize(
    "line",
    [
        TOKEN,
        f"refused {TOKEN}.",
        f"{{'token': '{TOKEN}'}}",
        json.dumps({"a": json.dumps({"b": TOKEN})}),
        f"Bearer {TOKEN}, and another {TOKEN}",
        TOKEN[:60],
        f"convener-token: {TOKEN}",
    ],
)
def test_a_token_is_taken_out_wherever_it_stands(line: str) -> None:
    cleaned = redacted(line)
    assert "eyJ" not in cleaned
    assert "<secret>" in cleaned
    assert all(part not in cleaned for part in TOKEN.split("."))


@pytest.mark.parametrize(
    "line",
    [
        "convener-token: s3cret-value",
        "convener-token=s3cret-value",
        "{'convener-token': 's3cret-value', 'other': 'kept'}",
        '{"convener-token": "s3cret-value"}',
        json.dumps(json.dumps({"Convener-Token": "s3cret-value"})),
        "(b'convener-token', b's3cret-value')",
    ],
)
def test_the_value_of_the_header_is_taken_out_whatever_it_is(line: str) -> None:
    assert "s3cret" not in redacted(line)
    assert "kept" in redacted(line) or "kept" not in line


@pytest.mark.parametrize("line", [json.dumps(KEY), json.dumps(json.dumps(KEY)), repr(KEY)])
def test_the_private_part_of_a_key_is_taken_out(line: str) -> None:
    assert KEY["d"] not in redacted(line)
    assert KEY["x"] in redacted(line)


@pytest.mark.parametrize(
    "line",
    [
        "cannot connect to amqp://ann:s3cret@broker:5672/sales",
        "url='redis://:s3cret@broker/0'",
        json.dumps({"url": "postgresql://ann:s3cret@broker/shop"}),
        "amqps://ann:s3@cret:s3cret@broker/",
        "broker refuses the key sk-s3crets3crets3crets3cret",
    ],
)
def test_a_password_in_an_address_and_a_key_of_a_provider_are_taken_out(line: str) -> None:
    cleaned = redacted(line)
    assert "s3" not in cleaned
    assert "<secret>" in cleaned
    assert "broker" in cleaned


@pytest.mark.parametrize(
    "line",
    [
        "The message carries no token: send it with one in the header 'convener-token'.",
        '{"event": "bus.message.refused", "topic": "task.security", "id": 7}',
        '{"d": "short", "kid": "k"}',
        "greyJacket eyJ",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert redacted(line) == line


def test_what_goes_through_structlog_or_logging_is_clean_tracebacks_too() -> None:
    written = io.StringIO()
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            written_without_secrets(structlog.processors.JSONRenderer()),
        ],
        logger_factory=structlog.PrintLoggerFactory(written),
    )
    handler = logging.StreamHandler(written)
    handler.setFormatter(RedactingFormatter())
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "got %s", (TOKEN,), None)
    try:
        raise ValueError(f"bad {TOKEN}")
    except ValueError:
        structlog.get_logger().exception("failed", headers={"convener-token": TOKEN}, key=KEY)
    handler.emit(record)
    assert "ValueError: bad <secret>" in written.getvalue()
    assert "got <secret>" in written.getvalue()
    assert all(part not in written.getvalue() for part in (*TOKEN.split("."), KEY["d"]))


def test_the_command_lines_own_logs_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    _log_at("warning")
    structlog.get_logger("any").warning("refused", token=TOKEN)
    logged = capsys.readouterr().err
    assert "refused" in logged
    assert all(part not in logged for part in TOKEN.split("."))
