"""`convener audit`: a bus file that somebody tampered with is found out, and the place is named."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from agents.cli.main import main
from agents.errors import AgentUsageError
from bus import AgentMessage, Context, NotPermittedError, Payload, Registry, connect
from bus.auditing.trail import trail
from bus.domain.audit import AuditRecorded, Chain, record_message
from bus.domain.codec import encode

MESSAGES = 6

Files: TypeAlias = Mapping[Path, bytes]


class Asked(Payload):
    message_type = "test.question.asked.v1"
    text: str = ""


async def take(message: AgentMessage[Asked], context: Context) -> None:
    if message.content.text == "not this":
        raise NotPermittedError("That is not for you to ask.")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A bus file with an audit of six messages, each in a record of its own, and its heads."""
    folder = tmp_path_factory.mktemp("written")
    asyncio.run(write(folder))
    return {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}


async def write(folder: Path) -> None:
    async with (
        connect(f"sqlite:///{folder}/bus.db", registry=Registry(Asked), name="worker") as bus,
        bus.serve("questions", take, group="answerers"),
    ):
        for number in range(1, MESSAGES + 1):
            text = "not this" if number == MESSAGES else "some question"
            await bus.publish(Asked(text=text), to="questions")
            async with asyncio.timeout(30):
                while len([each async for each in trail(bus.history)]) < number:
                    await asyncio.sleep(0.01)


@pytest.fixture
def bus_file(written: Files, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That file, as it was written, and where `convener` finds it."""
    folder = next(iter(written)).parent
    shutil.rmtree(folder)
    folder.mkdir()
    for file, content in written.items():
        file.write_bytes(content)
        file.chmod(0o600)
    monkeypatch.setenv("CONVENER_BUS", f"sqlite:///{folder}/bus.db")
    monkeypatch.delenv("CONVENER_AUDIT_HEADS", raising=False)
    monkeypatch.chdir(folder)
    return folder / "bus.db"


Verify: TypeAlias = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """Runs `convener audit verify`; the exit code and all that it says."""

    def run(*options: str) -> tuple[int, str]:
        code = main.main(["audit", "verify", *options], standalone_mode=False)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


class Tamperer:
    """Somebody who can write to the file, and has no key."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file)

    def positions(self, message_type: str = AuditRecorded.message_type) -> list[int]:
        rows = self._connection.execute(
            "SELECT position FROM messages WHERE message_type = ? ORDER BY position",
            (message_type,),
        )
        return [position for (position,) in rows]

    def run(self, statement: str, *arguments: Any) -> None:
        assert self._connection.execute(statement, arguments).rowcount > 0

    def body(self, position: int) -> bytes:
        (body,) = self._connection.execute(
            "SELECT body FROM messages WHERE position = ?", (position,)
        ).fetchone()
        assert isinstance(body, bytes)
        return body

    def put(self, position: int, body: bytes) -> None:
        self.run("UPDATE messages SET body = ? WHERE position = ?", body, position)


def tamper(file: Path, act: Callable[[Tamperer], None]) -> None:
    tamperer = Tamperer(file)
    with closing(tamperer._connection) as connection:
        act(tamperer)
        connection.commit()


def test_an_audit_that_nobody_touched_is_whole(bus_file: Path, verify: Verify) -> None:
    code, told = verify()
    assert code == 0
    assert "6 records of 7 decisions by 1 process, 20" in told
    assert "0 records unsigned" in told
    assert "1 head compared" in told
    assert "The audit is whole." in told


def test_a_byte_that_is_flipped_in_a_record_is_named(bus_file: Path, verify: Verify) -> None:
    def act(tamperer: Tamperer) -> None:
        position = tamperer.positions()[2]
        body = tamperer.body(position)
        assert b'"subject":"local"' in body
        tamperer.put(position, body.replace(b'"subject":"local"', b'"subject":"lucal"'))

    tamper(bus_file, act)
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 3 of worker-" in told
    assert "altered: what it says is not what was hashed" in told


def test_a_byte_that_is_flipped_in_a_message_is_named(bus_file: Path, verify: Verify) -> None:
    def act(tamperer: Tamperer) -> None:
        position = tamperer.positions("test.question.asked.v1")[1]
        tamperer.put(position, tamperer.body(position).replace(b"some", b"same"))

    tamper(bus_file, act)
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 2 of worker-" in told
    assert "message altered" in told


def test_a_record_that_is_deleted_is_named(bus_file: Path, verify: Verify) -> None:
    tamper(
        bus_file,
        lambda each: each.run("DELETE FROM messages WHERE position = ?", each.positions()[3]),
    )
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 4 of worker-" in told
    assert "missing" in told


def test_a_message_that_is_deleted_is_named(bus_file: Path, verify: Verify) -> None:
    def act(tamperer: Tamperer) -> None:
        position = tamperer.positions("test.question.asked.v1")[4]
        tamperer.run("DELETE FROM messages WHERE position = ?", position)

    tamper(bus_file, act)
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 5 of worker-" in told
    assert "message missing" in told


@pytest.mark.parametrize("what", ["body", "position"])
def test_two_records_that_are_swapped_are_named(bus_file: Path, verify: Verify, what: str) -> None:
    def act(tamperer: Tamperer) -> None:
        one, other = tamperer.positions()[1:3]
        if what == "body":
            bodies = tamperer.body(one), tamperer.body(other)
            tamperer.put(one, bodies[1])
            tamperer.put(other, bodies[0])
        else:
            for old, new in ((one, -1), (other, one), (-1, other)):
                statement = "UPDATE messages SET position = ? WHERE position = ?"
                tamperer.run(statement, new, old)

    tamper(bus_file, act)
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 3 of worker-" in told
    assert "reordered" in told


def test_a_tail_that_is_cut_off_is_named_by_its_head(bus_file: Path, verify: Verify) -> None:
    def act(tamperer: Tamperer) -> None:
        tamperer.run("DELETE FROM messages WHERE position >= ?", tamperer.positions()[4])

    elsewhere = bus_file.with_name("elsewhere")
    heads = bus_file.with_name("bus.db.audit-heads.jsonl")
    heads.rename(elsewhere)
    tamper(bus_file, act)
    code, told = verify()
    assert code == 0
    assert "0 heads compared" in told
    code, told = verify("--heads", str(elsewhere))
    assert code == 1
    assert "BROKEN: record 5 of worker-" in told
    assert "truncated: records 5 to 6 are missing" in told


def test_a_chain_that_is_written_anew_without_the_key_is_named(
    bus_file: Path, verify: Verify
) -> None:
    def act(tamperer: Tamperer) -> None:
        chain: Chain | None = None
        for position in tamperer.positions():
            old = AuditRecorded.model_validate(json.loads(tamperer.body(position))["data"])
            lie = [each.model_copy(update={"subject": "nobody"}) for each in old.decisions]
            chain, new = (chain or Chain(writer=old.writer)).append(lie, at=old.at)
            tamperer.put(position, encode(record_message(new)))

    tamper(bus_file, act)
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 1 of worker-" in told
    assert "unsigned" in told


def test_a_head_that_is_altered_is_named(bus_file: Path, verify: Verify) -> None:
    heads = bus_file.with_name("bus.db.audit-heads.jsonl")
    heads.write_text(heads.read_text().replace('"sequence":6', '"sequence":5'))
    code, told = verify()
    assert code == 1
    assert "BROKEN: record 5 of worker-" in told
    assert "forged: the head of 20" in told


def test_a_request_that_is_not_there_is_said(bus_file: Path, verify: Verify) -> None:
    with pytest.raises(AgentUsageError, match="No request has the id '0000'"):
        verify("--request", "0000")


def test_what_was_denied_is_exported_by_the_names_of_ecs(
    bus_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["audit", "export"], standalone_mode=False) == 0
    assert len(capsys.readouterr().out.splitlines()) == MESSAGES + 1
    assert main.main(["audit", "export", "--denied"], standalone_mode=False) == 0
    (line,) = capsys.readouterr().out.splitlines()
    denied = json.loads(line)
    assert denied["event.type"] == ["denied"]
    assert denied["event.outcome"] == "failure"
    assert denied["event.action"] == "consume"
    assert denied["event.reason"] == "That is not for you to ask."
    assert denied["event.id"] == f"{denied['service.node.name']}/6/1"
    assert denied["convener.message.type"] == "test.question.asked.v1"
    for option in ("--since", "--until"):
        main.main(["audit", "export", option, denied["@timestamp"]], standalone_mode=False)
        lines = len(capsys.readouterr().out.splitlines())
        assert lines == (1 if option == "--since" else MESSAGES)
