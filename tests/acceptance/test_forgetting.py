"""`convener history forget` and `prune`: what is stored before, and what is left after."""

import json
import re
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = pytest.mark.timeout(180)

QUESTION = "Where did the zebra consignment go?"
SECRETS = ("ann.smith@example.org", "4111111111111111", "hunter2secret", "bob.jones@example.org")
PEOPLE = f"""id,name,email,card,password
1,Ann Smith,{SECRETS[0]},{SECRETS[1]},{SECRETS[2]}
2,Bob Jones,{SECRETS[3]},5500005555555559,swordfish99x
3,Cid Brown,cid.brown@example.org,340000000000009,letmein12345
"""


@pytest.fixture
def convener(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "people.csv").write_text(PEOPLE)
    return CommandLine(home=tmp_path, folder=folder)


def stored(convener: CommandLine, word: str, *, of: str = "state") -> list[str]:
    """The files of this user's state, or another folder, that hold `word`."""
    files = [file for file in (convener.home / of).rglob("*") if file.is_file()]
    return [file.name for file in files if word.encode() in file.read_bytes()]


async def analyzed(convener: CommandLine) -> str:
    """The id of a request that was answered."""
    ended = await convener.run("analyze", "people.csv", "-q", QUESTION, "--format", "json")
    assert ended.code == 0, ended.err
    return str(json.loads(ended.out)["request_id"])


async def test_secrets_of_the_data_are_never_stored_on_the_bus_and_the_young_survive_pruning(
    convener: CommandLine,
) -> None:
    await analyzed(convener)
    for secret in SECRETS:
        assert stored(convener, secret) == []
    ended = await convener.run("history", "prune", "--older-than", "1h", "--yes")
    assert (ended.code, ended.out) == (0, "Forgot 0 messages.\n")
    assert stored(convener, QUESTION)


async def test_a_request_that_is_forgotten_is_nowhere_and_the_audit_whole(
    convener: CommandLine,
) -> None:
    id = await analyzed(convener)
    before = (await convener.run("history", id)).out.splitlines()
    ended = await convener.run("history", "forget", "--request", id[:8], "--yes")
    assert (ended.code, ended.out) == (0, f"Forgot {len(before)} messages.\n")
    for of in ("state", "cache"):
        assert stored(convener, QUESTION, of=of) == []
    assert stored(convener, "people.csv") == []
    after = await convener.run("history", id)
    assert after.code == 1
    assert [f"{line}  erased" for line in before] == after.out.splitlines()
    report = await convener.run("report", id)
    assert report.code == 1
    assert f"{id} was forgotten" in report.err
    assert "forgotten" in (await convener.run("status")).out
    assert (await convener.run("audit", "verify")).out.endswith("The audit is whole.\n")
    figures = json.loads((await convener.run("stats", "--format", "json")).out)
    assert figures["unread"] == 0
    exported = (await convener.run("audit", "export", "--request", id)).out
    named = {
        decision["convener.message.id"]
        for line in exported.splitlines()
        if (decision := json.loads(line))["event.action"] == "forget"
        and "convener.message.id" in decision
    }
    assert len(named) == len(before)


async def test_everything_that_somebody_asked_for_is_forgotten_and_nothing_else(
    convener: CommandLine,
) -> None:
    first, second = await analyzed(convener), await analyzed(convener)
    nobody = await convener.run("history", "forget", "--subject", "ann", "--yes")
    assert (nobody.code, nobody.out) == (0, "")
    assert (await convener.run("report", first)).code == 0
    ended = await convener.run("history", "forget", "--subject", "local", "--yes")
    assert ended.code == 0, ended.err
    for id in (first, second):
        assert "was forgotten" in (await convener.run("report", id)).err
    again = await convener.run("history", "forget", "--subject", "local", "--yes")
    assert (again.code, again.err) == (0, "Nothing that local asked for is left to forget.\n")


async def test_what_still_runs_has_to_be_cancelled_first(convener: CommandLine) -> None:
    async with convener.worker():
        pass
    published = await convener.run("publish", "people.csv", "-q", QUESTION)
    id = re.findall(r"[0-9a-f-]{36}", published.out + published.err)[0]
    ended = await convener.run("history", "forget", "--request", id, "--yes")
    assert ended.code == 2
    assert f"stop it first, with `convener cancel {id}`" in ended.err
    assert stored(convener, QUESTION)


@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_on_a_broker_it_takes_a_vault_and_then_nothing_can_be_read(
    convener: CommandLine, rabbitmq_node: RabbitmqNode, redis_url: str
) -> None:
    with rabbitmq_node.vhost() as vhost:
        convener.environment |= {
            "CONVENER_BUS": rabbitmq_node.url(vhost),
            "CONVENER_REDIS": redis_url,
            "CONVENER_VAULT": redis_url,
        }
        async with convener.worker("orchestrator", "security"):
            published = await convener.run(
                *("publish", "people.csv", "-q", QUESTION, "--role", "security"),
                *("--wait", "--format", "json"),
            )
            assert published.code == 0, published.err
            id = json.loads(published.out)["request_id"]
            assert (await convener.run("history", "--text", QUESTION)).out
            assert stored(convener, QUESTION, of="cache") == []
            ended = await convener.run("history", "forget", "--request", id, "--yes")
            assert ended.code == 0, ended.err
            assert (await convener.run("history", "--text", QUESTION)).out == ""
            assert (await convener.run("history", id)).code == 1
            assert "was forgotten" in (await convener.run("report", id)).err
            verified = await convener.run("audit", "verify")
            assert verified.out.endswith("The audit is whole.\n"), verified.err
            del convener.environment["CONVENER_VAULT"]
            lost = await convener.run("history", id)
            assert lost.code == 2
            assert "set CONVENER_VAULT" in lost.err
