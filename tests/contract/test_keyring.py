"""What holds for every keyring: one key for the whole machine, key sets in files, one at a URL."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.domain.authority import Principal
from bus.errors import NotPermittedError
from bus.keyring import ALL, Keyring, TrustedIssuer
from bus.keyrings.jwk import Jwk, make_private, public_part
from bus.keyrings.jwks import JwksKeyring
from bus.keyrings.key_sources import CHECK_INTERVAL, COOLDOWN, LIFESPAN
from bus.keyrings.local import LocalKeyring
from bus.tokens import Tokens
from tests.support.clock import ManualClock
from tests.support.key_server import key_server
from tests.support.keys import ISSUER, write_private, write_set

DIGEST = "d" * 64
KINDS = ["message", "task"]


@dataclass
class Trust:
    """A keyring, with what is published of the keys that it trusts."""

    keyring: Keyring
    clock: ManualClock
    publish: Callable[..., None]
    folder: Path

    async def other(self, key: Jwk) -> Keyring:
        """A keyring that signs with `key`."""
        private = dict(key)
        private.pop("senders", None)
        named = write_set(self.folder / f"{key['kid']}.jwks", key)
        file = write_private(self.folder / f"{key['kid']}.json", private)
        return await asyncio.to_thread(JwksKeyring, clock=self.clock, key=file, services=named)

    def signed(self, keyring: Keyring) -> str:
        tokens = Tokens(keyring, clock=self.clock)
        assert keyring.own is not None
        if "message" in keyring.own.kinds:
            return tokens.message("security", digest=DIGEST)
        return tokens.access(Principal(subject="ann", scopes=frozenset()), lifetime=1e6)

    async def is_trusted(self, token: str) -> bool:
        try:
            await Tokens(self.keyring, clock=self.clock).verify(token, topic="t", digest=DIGEST)
        except NotPermittedError:
            return False
        return True


def services_key(kid: str) -> Jwk:
    return {**make_private(kid), "senders": ["sec*"], "kinds": KINDS}


def issuers_key(kid: str) -> Jwk:
    return {**make_private(kid), "issuer": ISSUER}


@pytest.fixture(params=["local", "file", "url"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def trust(kind: str, tmp_path: Path) -> Iterator[Trust]:
    clock = ManualClock()
    if kind == "local":
        yield Trust(LocalKeyring(tmp_path / "bus.key"), clock, lambda *_: None, tmp_path)
        return
    first = services_key("first") if kind == "file" else issuers_key("first")
    own = write_private(tmp_path / "own.key", first)
    if kind == "file":
        services = tmp_path / "services.jwks"

        def publish(*keys: Jwk) -> None:
            write_set(services, *keys)

        publish(first)
        yield Trust(JwksKeyring(clock=clock, key=own, services=services), clock, publish, tmp_path)
        return
    with key_server() as server:

        def serve(*keys: Jwk) -> None:
            server.body = json.dumps({"keys": [public_part(key) for key in keys]}).encode()

        serve(first)
        issuer = TrustedIssuer(name=ISSUER, jwks=server.url)
        yield Trust(JwksKeyring(clock=clock, key=own, issuers=[issuer]), clock, serve, tmp_path)


async def test_what_it_signs_it_trusts(trust: Trust) -> None:
    assert await trust.is_trusted(trust.signed(trust.keyring))


async def test_its_own_key_can_be_found_and_says_what_it_is_for(trust: Trust) -> None:
    own = trust.keyring.own
    assert own is not None
    found = await trust.keyring.find(issuer=own.issuer, kid=own.kid)
    assert found is not None
    assert (found.kid, found.issuer, found.algorithm) == (own.kid, own.issuer, own.algorithm)
    assert found.kinds == own.kinds
    assert own.kinds <= ALL


@pytest.mark.parametrize(
    "kid", ["", "../own.key", "/etc/passwd", "first\0", "FIRST", "*", "f" * 9999]
)
async def test_a_key_has_one_name(trust: Trust, kid: str) -> None:
    own = trust.keyring.own
    assert own is not None
    assert await trust.keyring.find(issuer=own.issuer, kid=kid) is None


async def test_a_key_belongs_to_its_issuer(trust: Trust) -> None:
    own = trust.keyring.own
    assert own is not None
    for issuer in ("", "https://other.example", own.issuer + "/", own.issuer.upper()):
        assert await trust.keyring.find(issuer=issuer, kid=own.kid) is None


async def test_a_stranger_of_the_same_name_is_not_trusted(trust: Trust, kind: str) -> None:
    own = trust.keyring.own
    assert own is not None
    if kind == "local":
        stranger: Keyring = await asyncio.to_thread(LocalKeyring, trust.folder / "other.key")
    else:
        make = services_key if kind == "file" else issuers_key
        stranger = await trust.other(make("first"))
    assert not await trust.is_trusted(trust.signed(stranger))


@pytest.mark.parametrize("kind", ["file", "url"], indirect=True)
async def test_a_key_is_replaced_while_everybody_goes_on(trust: Trust, kind: str) -> None:
    make = services_key if kind == "file" else issuers_key
    old, new = make("old"), make("new")
    by_old, by_new = [trust.signed(await trust.other(key)) for key in (old, new)]
    trust.publish(old)
    assert await trust.is_trusted(by_old)
    assert not await trust.is_trusted(by_new)

    trust.publish(old, new)
    trust.clock.advance(COOLDOWN)
    assert await trust.is_trusted(by_new)
    assert await trust.is_trusted(by_old)

    trust.publish(new)
    trust.clock.advance(CHECK_INTERVAL if kind == "file" else LIFESPAN)
    assert not await trust.is_trusted(by_old)
    assert await trust.is_trusted(by_new)
