"""A broker that several share: services with keys of their own, people with tokens of an issuer."""

from pathlib import Path

import pytest

from bus import SystemClock
from bus.domain.authority import PERMISSIONS, Principal
from bus.keyrings.jwks import JwksKeyring
from bus.keyrings.key_files import make_issuer_key, make_service_key
from bus.tokens import Tokens
from tests.support.command_line import DATA, CommandLine
from tests.support.rabbitmq_node import RabbitmqNode

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(240)]

AUTHORITY = """
[authority]
services = "services.jwks"

[[authority.issuers]]
name = "desk"
jwks = "issuer.jwks"

[authority.datasets]
ann = ["data/*"]
"""


def issued(folder: Path, subject: str) -> str:
    """A token that the desk in `folder` signs; the desk is opened there if there is none."""
    key = folder / "desk.key"
    if not key.exists():
        make_issuer_key(key, folder / "issuer.jwks", name="desk", issuer="desk")
    clock = SystemClock()
    principal = Principal(subject=subject, scopes=PERMISSIONS)
    return Tokens(JwksKeyring(clock=clock, key=key), clock=clock).access(principal, lifetime=600)


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    """Of two people, and of a third who signs with a key of her own under the desk's name."""
    (tmp_path / "planes.csv").write_bytes((DATA / "planes.csv").read_bytes())
    (tmp_path / "convener.toml").write_text(AUTHORITY)
    services = tmp_path / "services.jwks"
    kinds = ["message", "task"]
    make_service_key(tmp_path / "panel.key", services, name="panel", senders=["*"], kinds=kinds)
    (tmp_path / "elsewhere").mkdir()
    return {
        "ann": issued(tmp_path, "ann"),
        "bob": issued(tmp_path, "bob"),
        "eve": issued(tmp_path / "elsewhere", "ann"),
    }


async def test_who_has_a_token_is_served_and_who_has_none_or_less_is_not(
    tmp_path: Path, tokens: dict[str, str], rabbitmq_node: RabbitmqNode
) -> None:
    with rabbitmq_node.vhost() as vhost:
        url = rabbitmq_node.url(vhost)

        def line(**environment: str) -> CommandLine:
            return CommandLine(tmp_path, tmp_path, {"CONVENER_BUS": url, **environment})

        ann, bob, eve = (line(CONVENER_TOKEN=tokens[name]) for name in ("ann", "bob", "eve"))
        async with line(CONVENER_KEY="panel.key").worker():
            served = await ann.run("publish", "planes.csv", "--wait")
            assert served.code == 0, served.err
            assert "Complete" in served.out
            denied = await bob.run("publish", "planes.csv", "--wait")
            assert denied.code == 4
            assert "bob may not read" in denied.out
            forged = await eve.run("publish", "planes.csv", "--wait")
            assert forged.code not in (0, 3)
            assert "not valid" in forged.out + forged.err
            unsigned = await line().run("publish", "planes.csv")
            assert unsigned.code == 4
            assert "CONVENER_TOKEN" in unsigned.err
