"""Files of keys: who may read them, what may stand in them, how they are made."""

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bus.errors import KeysUnavailableError, UsageError
from bus.keyring import PERSONS, SERVICES, TrustedIssuer
from bus.keyrings.jwk import Jwk, make_private, public_part
from bus.keyrings.jwks import JwksKeyring
from bus.keyrings.key_files import drop_key, make_issuer_key, make_service_key, read_private
from bus.keyrings.key_set import MAX_BYTES, SERVICES_ISSUER, issuer_keys, service_keys
from bus.keyrings.key_sources import CHECK_INTERVAL
from tests.support.clock import ManualClock
from tests.support.keys import ISSUER, ec_jwk, rsa_jwk, write_private, write_set


def as_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def test_a_key_for_a_service_is_its_users_alone_and_its_public_part_is_everybodys(
    tmp_path: Path,
) -> None:
    file, services = tmp_path / "panel.key", tmp_path / "services.jwks"
    old = os.umask(0)
    try:
        make_service_key(file, services, name="panel", senders=["sec*"], kinds=["message", "task"])
    finally:
        os.umask(old)
    assert file.stat().st_mode & 0o777 == 0o600
    assert services.stat().st_mode & 0o777 == 0o644
    assert json.loads(file.read_text())["d"] not in services.read_text()
    ring = JwksKeyring(clock=ManualClock(), key=file, services=services)
    assert ring.own is not None
    assert ring.own.kinds == SERVICES
    assert ring.own.covers("security")
    assert not ring.own.covers("business")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file, services = tmp_path / "a.key", tmp_path / "services.jwks"
    make_service_key(file, services, name="a", senders=["a"], kinds=["message"])
    before = file.read_bytes(), services.read_bytes()
    with pytest.raises(UsageError, match="already has a key named 'a'"):
        make_service_key(tmp_path / "b.key", services, name="a", senders=[], kinds=["message"])
    with pytest.raises(UsageError, match="there already"):
        make_service_key(file, services, name="b", senders=[], kinds=["message"])
    assert not (tmp_path / "b.key").exists()
    assert (file.read_bytes(), services.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.key", "services.jwks"]


def test_keys_that_are_made_at_once_are_all_in_the_set(tmp_path: Path) -> None:
    services = tmp_path / "services.jwks"

    def make(name: str) -> None:
        make_service_key(tmp_path / name, services, name=name, senders=[name], kinds=["message"])

    threads = [threading.Thread(target=make, args=(f"k{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service_keys(services.read_bytes(), where="it").keys() == {f"k{n}" for n in range(8)}


def test_a_set_that_is_linked_to_keeps_its_place_and_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    shared = write_set(tmp_path / "shared" / "set.jwks")
    shared.chmod(0o640)
    link = tmp_path / "services.jwks"
    link.symlink_to(shared)
    make_service_key(tmp_path / "a", link, name="a", senders=["a"], kinds=["message"])
    assert link.is_symlink()
    assert shared.stat().st_mode & 0o777 == 0o640
    assert "a" in service_keys(shared.read_bytes(), where="it")


def test_a_key_that_is_dropped_is_out_of_the_set(tmp_path: Path) -> None:
    services = write_set(tmp_path / "s", make_private("a"), make_private("b"))
    drop_key(services, name="a")
    assert service_keys(services.read_bytes(), where="it").keys() == {"b"}
    with pytest.raises(UsageError, match="no key named 'a'"):
        drop_key(services, name="a")


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path: Path) -> None:
    for file, jwks in ((tmp_path / "no" / "k", tmp_path / "s"), (tmp_path / "k", tmp_path / "n/s")):
        with pytest.raises(UsageError, match=r"cannot be written to .*No such file"):
            make_service_key(file, jwks, name="k", senders=["k"], kinds=["message"])
    assert not list(tmp_path.iterdir())


def test_an_issuers_key_signs_tokens_of_people_and_nothing_else(tmp_path: Path) -> None:
    file, jwks = tmp_path / "people.key", tmp_path / "issuer.jwks"
    make_issuer_key(file, jwks, name="people", issuer=ISSUER)
    issuer = TrustedIssuer(name=ISSUER, jwks=jwks)
    ring = JwksKeyring(clock=ManualClock(), key=file, issuers=[issuer])
    assert ring.own is not None
    assert ring.own.kinds == PERSONS
    assert ring.own.issuer == ISSUER


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_private_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    file = write_private(tmp_path / "k", make_private("k"))
    file.chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        read_private(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of root's")
def test_a_key_that_root_mounts_for_the_group_of_the_process_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_private(tmp_path / "k", make_private("k"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    file.chmod(0o440)
    assert read_private(file).key.kid == "k"
    for mode in (0o444, 0o460, 0o640 | 0o001):
        file.chmod(mode)
        with pytest.raises(UsageError, match="chmod 600"):
            read_private(file)


@pytest.mark.parametrize("key", [rsa_jwk("k"), ec_jwk("k"), make_private("k")])
def test_the_three_kinds_of_private_keys_can_be_used(tmp_path: Path, key: Jwk) -> None:
    services = write_set(tmp_path / "s", key)
    file = write_private(tmp_path / "k", key)
    ring = JwksKeyring(clock=ManualClock(), key=file, services=services)
    assert ring.own is not None
    assert ring.own.algorithm in ("RS256", "ES256", "EdDSA")


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (rsa_jwk("k", bits=1024), "1,024 bits"),
        (ec_jwk("k", ec.SECP384R1()), "no private key"),
        (public_part(make_private("k")), "no private key"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "k"}, "no private key"),
        ({**make_private("k"), "kid": ""}, "no private key"),
        ({**make_private("k"), "alg": "none"}, "no private key"),
        ({**make_private("k"), "alg": "RS256"}, "no private key"),
        ({**make_private("k"), "d": "AAAA"}, "damaged"),
        ({**make_private("k"), "issuer": 7}, "no private key"),
        ([1], "no private key"),
        ("", "no private key"),
    ],
)
def test_what_is_no_sound_private_key_is_refused(tmp_path: Path, key: Any, complaint: str) -> None:
    file = write_private(tmp_path / "k", key)
    with pytest.raises(UsageError, match=complaint) as refusal:
        read_private(file)
    if isinstance(key, dict):
        assert str(key.get("d", "no secret")) not in str(refusal.value)


def test_a_private_key_that_the_others_do_not_know_is_refused_at_the_start(tmp_path: Path) -> None:
    file = write_private(tmp_path / "k", make_private("k"))
    clock = ManualClock()
    with pytest.raises(UsageError, match="`services` below"):
        JwksKeyring(clock=clock, key=file)
    for others in (make_private("k"), make_private("other"), rsa_jwk("k")):
        services = write_set(tmp_path / "s", others)
        with pytest.raises(UsageError, match="nobody would trust it"):
            JwksKeyring(clock=clock, key=file, services=services)


PUBLIC = public_part(make_private("k"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "no set of keys"),
        (b"[" * 100_000, "no set of keys"),
        (b'{"keys": {}}', "no set of keys"),
        (b'{"keys": [7]}', "no set of keys"),
        (b'{"keys": []}' + b" " * MAX_BYTES, "no set of keys"),
        (as_set({"kty": "oct", "k": "c2VjcmV0", "kid": "k"}), "symmetric"),
        (as_set({**PUBLIC, "k": "c2VjcmV0"}), "symmetric"),
        (as_set(make_private("k")), "private key"),
        (as_set(PUBLIC, PUBLIC), "two keys named 'k'"),
        (as_set({**PUBLIC, "kid": None}), "no name"),
        (as_set({**PUBLIC, "kid": "k" * 201}), "no name"),
        (as_set({**PUBLIC, "alg": "HS256"}), "no algorithm"),
        (as_set({**PUBLIC, "alg": ["EdDSA"]}), "no algorithm"),
        (as_set({**PUBLIC, "crv": "Ed448"}), "no algorithm"),
        (as_set({**PUBLIC, "kty": {"OKP": 1}}), "no algorithm"),
        (as_set({**PUBLIC, "x": "AAAA"}), "damaged"),
        (as_set({**PUBLIC, "x": 7}), "damaged"),
        (as_set(public_part(rsa_jwk("k", bits=1024))), "1,024 bits"),
        (as_set({**PUBLIC, "kinds": ["access"]}), "'message' and 'task'"),
        (as_set({**PUBLIC, "kinds": []}), "'message' and 'task'"),
        (as_set({**PUBLIC, "kinds": "task"}), "'message' and 'task'"),
        (as_set({**PUBLIC, "senders": "*"}), "list of names"),
        (as_set({**PUBLIC, "senders": [7]}), "list of names"),
        (as_set(*({**PUBLIC, "kid": str(n)} for n in range(1001))), "more than 1,000"),
    ],
)
def test_a_set_of_services_that_cannot_be_trusted_gives_no_keys(
    text: bytes, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        service_keys(text, where="services.jwks")


def test_a_service_may_only_prove_its_messages_unless_its_key_says_more() -> None:
    keys = service_keys(as_set(PUBLIC, {**PUBLIC, "kid": "o", "kinds": ["task"]}), where="it")
    assert keys["k"].kinds == {"message"}
    assert keys["o"].kinds == {"task"}
    assert not keys["k"].covers("k")
    assert keys["k"].issuer == SERVICES_ISSUER


def test_of_an_issuers_set_only_what_signs_with_an_allowed_algorithm_is_used() -> None:
    rsa, curve = public_part(rsa_jwk("rsa")), public_part(ec_jwk("ec"))
    text = as_set(
        rsa,
        curve,
        {**PUBLIC, "kid": "sealing", "use": "enc"},
        {**PUBLIC, "kid": "new", "alg": "ML-DSA-65"},
        {"kty": "AKP", "kid": "unheard of"},
        {**PUBLIC, "kid": None},
        PUBLIC,
    )
    every = issuer_keys(
        text, issuer=ISSUER, algorithms=("EdDSA", "ES256", "RS256", "PS256"), where="it"
    )
    assert {kid: key.algorithm for kid, key in every.items()} == {
        "rsa": "RS256",
        "ec": "ES256",
        "k": "EdDSA",
    }
    some = issuer_keys(text, issuer=ISSUER, algorithms=("PS256",), where="it")
    assert {kid: key.algorithm for kid, key in some.items()} == {"rsa": "PS256"}
    assert all(key.kinds == PERSONS and not key.senders for key in every.values())


@pytest.mark.parametrize("name", ["", "convener:services", "convener:local"])
def test_an_issuer_of_people_is_nobody_of_ours(tmp_path: Path, name: str) -> None:
    jwks = write_set(tmp_path / "s", make_private("k"))
    with pytest.raises(UsageError, match="cannot be an issuer"):
        JwksKeyring(clock=ManualClock(), issuers=[TrustedIssuer(name=name, jwks=jwks)])


def test_two_issuers_are_not_named_alike(tmp_path: Path) -> None:
    issuer = TrustedIssuer(name="here", jwks=write_set(tmp_path / "s", make_private("k")))
    with pytest.raises(UsageError, match="cannot be an issuer"):
        JwksKeyring(clock=ManualClock(), issuers=[issuer, issuer])


async def test_two_issuers_may_name_their_keys_alike(tmp_path: Path) -> None:
    issuers = [
        TrustedIssuer(name=name, jwks=write_set(tmp_path / name, make_private("1")))
        for name in ("here", "there")
    ]
    ring = await asyncio.to_thread(JwksKeyring, clock=ManualClock(), issuers=issuers)
    here, there = [await ring.find(issuer=name, kid="1") for name in ("here", "there")]
    assert here is not None
    assert there is not None
    assert here.material != there.material


async def test_a_set_that_is_damaged_later_is_not_trusted_until_it_is_mended(
    tmp_path: Path,
) -> None:
    clock, services = ManualClock(), write_set(tmp_path / "s", make_private("k"))
    sound = services.read_bytes()
    ring = await asyncio.to_thread(JwksKeyring, clock=clock, services=services)
    services.write_text("{")
    clock.advance(CHECK_INTERVAL)
    for _ in range(2):
        with pytest.raises(KeysUnavailableError, match="no set of keys"):
            await ring.find(issuer=SERVICES_ISSUER, kid="k")
    services.unlink()
    with pytest.raises(KeysUnavailableError, match="No such file"):
        await ring.find(issuer=SERVICES_ISSUER, kid="k")
    services.write_bytes(sound)
    assert await ring.find(issuer=SERVICES_ISSUER, kid="k")


def test_a_missing_set_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        JwksKeyring(clock=ManualClock(), services=tmp_path / "none.jwks")
