"""What a token must be to be trusted, and that everything else is refused with a reason."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bus.domain.authority import Principal
from bus.errors import NotPermittedError
from bus.keyring import ALL, PERSONS, SERVICES, Key
from bus.keyrings.jwk import public_part
from bus.tokens import LEEWAY, MAX_LENGTH, TYPES, Claims, Tokens, unverified
from tests.support.clock import ManualClock
from tests.support.keys import ISSUER, Keys, forged, pair, rsa_jwk

ANN = Principal(subject="ann", scopes=frozenset({"read_data", "execute_queries"}))
TOPIC, DIGEST = "task.security", "d" * 64
NOW = int(ManualClock().now().timestamp())
CLAIMS = {
    "iss": ISSUER,
    "aud": "convener",
    "sub": "ann",
    "iat": NOW,
    "exp": NOW + 60,
    "jti": "1",
    "scope": "read_data",
}
OWN, PUBLIC = pair("k", kinds=ALL)


def tokens(own: Key | None = OWN, *trusted: Key, clock: ManualClock | None = None) -> Tokens:
    return Tokens(Keys(own, *(trusted or (PUBLIC,))), clock=clock or ManualClock())


async def verified(token: str, *, topic: str = TOPIC, digest: str = DIGEST) -> Claims:
    return await tokens().verify(token, topic=topic, digest=digest)


def signed(
    changes: Mapping[str, Any] | None = None,
    *,
    typ: str | None = "at+jwt",
    header: Mapping[str, Any] | None = None,
    key: Key = OWN,
) -> str:
    """A token of ann's with other claims; None takes one away."""
    claims = {k: v for k, v in {**CLAIMS, **(changes or {})}.items() if v is not None}
    headers = {"kid": key.kid, "typ": typ, **(header or {})}
    return jwt.encode(claims, key.material, algorithm=key.algorithm, headers=headers)


async def test_a_persons_token_says_who_they_are_and_what_they_may_do() -> None:
    issued = tokens().access(ANN, lifetime=60, roles=["analyst"])
    claims = await verified(issued)
    assert claims.kind == "access"
    assert claims.principal.subject == "ann"
    assert claims.principal.scopes == ANN.scopes
    assert claims.roles == ("analyst",)
    assert claims.key.kid == "k"


async def test_the_data_a_person_may_read_goes_with_their_token() -> None:
    narrowed = ANN.narrowed(ANN.scopes, ("sales/*",)).narrowed(ANN.scopes, ("*.csv",))
    principal = (await verified(tokens().access(narrowed, lifetime=60))).principal
    assert principal.datasets == (("sales/*",), ("*.csv",))
    assert principal.may_read("sales/a.csv")
    assert not principal.may_read("sales/a.parquet")


async def test_a_task_token_holds_for_its_topic_its_message_and_its_time() -> None:
    clock = ManualClock()
    issuing = tokens(clock=clock)
    token = issuing.task(
        ANN,
        actor="orchestrator",
        topic=TOPIC,
        digest=DIGEST,
        expires_at=clock.now() + timedelta(seconds=60),
    )
    claims = await issuing.verify(token, topic=TOPIC, digest=DIGEST)
    assert claims.kind == "task"
    assert claims.principal.actors == ("orchestrator",)
    with pytest.raises(NotPermittedError, match=r"[Aa]udience"):
        await issuing.verify(token, topic="task.business", digest=DIGEST)
    with pytest.raises(NotPermittedError, match="another message"):
        await issuing.verify(token, topic=TOPIC, digest="e" * 64)
    clock.advance(60 + LEEWAY + 2)
    with pytest.raises(NotPermittedError, match="expired at 2026-11-01 12:01"):
        await issuing.verify(token, topic=TOPIC, digest=DIGEST)


async def test_who_acts_for_whom_is_kept_the_present_actor_first() -> None:
    now = ManualClock().now()
    acting = Principal(subject="ann", scopes=frozenset(), actors=("planner", "portal"))
    token = tokens().task(acting, actor="orchestrator", topic=TOPIC, digest=DIGEST, expires_at=now)
    principal = (await verified(token)).principal
    assert principal.subject == "ann"
    assert principal.actors == ("orchestrator", "planner", "portal")


async def test_a_proof_holds_for_one_message() -> None:
    token = tokens().message("security", digest=DIGEST)
    assert (await verified(token)).principal.subject == "security"
    with pytest.raises(NotPermittedError, match="another message"):
        await verified(token, digest="e" * 64)


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "sub", "jti"])
async def test_a_token_without_one_of_the_claims_is_refused(claim: str) -> None:
    with pytest.raises(NotPermittedError):
        await verified(signed({claim: None}))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "https://other.example"),
        ("aud", "elsewhere"),
        ("aud", {"convener": 1}),
        ("sub", ["ann"]),
        ("sub", ""),
        ("jti", 7),
        ("exp", float("nan")),
        ("exp", float("inf")),
        ("exp", 1e300),
        ("exp", 2**40 - 1),
        ("exp", "tomorrow"),
        ("exp", True),
        ("exp", -1),
        ("iat", NOW + 3600),
        ("iat", None),
        ("nbf", NOW + 3600),
        ("nbf", []),
        ("scope", ["read_data"]),
        ("digest", 5),
        ("datasets", "sales/*"),
        ("datasets", [["sales/*"], 7]),
        ("roles", "admin"),
        ("roles", [None]),
    ],
)
async def test_a_claim_of_the_wrong_value_or_form_is_refused(claim: str, value: object) -> None:
    with pytest.raises(NotPermittedError):
        await verified(signed({claim: value}))


async def test_a_token_has_an_end_and_a_beginning_with_some_leeway() -> None:
    assert await verified(signed({"exp": NOW - LEEWAY + 1, "iat": NOW + LEEWAY - 1}))
    with pytest.raises(NotPermittedError, match="expired"):
        await verified(signed({"exp": NOW - LEEWAY}))


@pytest.mark.parametrize("typ", ["JWT", "", "jwt+at", None])
async def test_a_token_of_no_known_kind_is_refused(typ: str | None) -> None:
    with pytest.raises(NotPermittedError, match="kind"):
        await verified(signed(typ=typ))


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_the_kind_may_be_written_as_the_standard_allows(typ: str) -> None:
    assert (await verified(signed(typ=typ))).kind == "access"


@pytest.mark.parametrize(
    ("kinds", "typ"),
    [
        (PERSONS, TYPES["task"]),
        (PERSONS, TYPES["message"]),
        (SERVICES, TYPES["access"]),
        (frozenset({"message"}), TYPES["task"]),
    ],
)
async def test_a_key_signs_only_the_kinds_that_are_granted_to_it(kinds: Any, typ: str) -> None:
    private, public = pair("k", kinds=kinds)
    token = signed({"digest": DIGEST, "aud": TOPIC}, typ=typ, key=private)
    with pytest.raises(NotPermittedError, match="may not issue"):
        await tokens(None, public).verify(token, topic=TOPIC, digest=DIGEST)
    granted, now = tokens(private, public), ManualClock().now()
    issue = {
        TYPES["access"]: lambda: granted.access(ANN, lifetime=60),
        TYPES["message"]: lambda: granted.message("security", digest=DIGEST),
        TYPES["task"]: lambda: granted.task(
            ANN, actor="a", topic=TOPIC, digest=DIGEST, expires_at=now
        ),
    }[typ]
    with pytest.raises(NotPermittedError, match="no key that may sign"):
        issue()


@pytest.mark.parametrize("alg", ["none", "None", "", "HS256", "RS256", "ES256", "EdDSA "])
async def test_the_algorithm_is_the_keys_and_not_the_tokens(alg: str) -> None:
    header = {"alg": alg, "kid": "k", "typ": "at+jwt"}
    for signature in (b"", b"x" * 64):
        with pytest.raises(NotPermittedError):
            await verified(forged(header, CLAIMS, lambda _, s=signature: s))


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    private = rsa_jwk("r")
    material = jwt.PyJWK(dict(public_part(private))).key
    public = Key(kid="r", issuer=ISSUER, algorithm="RS256", material=material, kinds=PERSONS)
    checking = tokens(None, public)
    sound = jwt.encode(CLAIMS, jwt.PyJWK(dict(private)).key, "RS256", {"kid": "r", "typ": "at+jwt"})
    assert await checking.verify(sound, topic=TOPIC, digest=DIGEST)
    for encoding, form in (
        (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        (Encoding.PEM, PublicFormat.PKCS1),
    ):
        secret = material.public_bytes(encoding, form)
        header = {"alg": "HS256", "kid": "r", "typ": "at+jwt"}
        confused = forged(header, CLAIMS, lambda text, s=secret: hmac.digest(s, text, sha256))
        with pytest.raises(NotPermittedError):
            await checking.verify(confused, topic=TOPIC, digest=DIGEST)


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"crit": "b64"}, {"b64": False, "crit": ["b64"]}]
)
async def test_what_a_token_calls_critical_must_be_understood(header: dict[str, Any]) -> None:
    token = forged(
        {"alg": "EdDSA", "kid": "k", "typ": "at+jwt", **header}, CLAIMS, OWN.material.sign
    )
    with pytest.raises(NotPermittedError):
        await verified(token)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
async def test_a_key_that_a_token_brings_along_is_not_used(name: str) -> None:
    stranger, _ = pair("k", kinds=ALL)
    brought = {"jwk": {"kty": "OKP"}, "jku": "https://x", "x5u": "https://x", "x5c": ["x"]}[name]
    token = signed(key=stranger, header={name: brought})
    with pytest.raises(NotPermittedError, match="not valid"):
        await verified(token)


@pytest.mark.parametrize("kid", ["", "../../etc/passwd", "k\0", "K", " k", "k" * 5000, "' or 1=1"])
async def test_a_key_is_known_by_its_exact_name_or_not_at_all(kid: str) -> None:
    with pytest.raises(NotPermittedError, match="not trusted here") as refusal:
        await verified(signed(header={"kid": kid}))
    assert len(str(refusal.value)) < 300


async def test_a_short_secret_is_never_signed_with() -> None:
    short = Key(kid="k", issuer=ISSUER, algorithm="HS256", material=b"secret", kinds=ALL)
    with pytest.raises(jwt.InvalidKeyError):
        tokens(short).access(ANN, lifetime=60)


async def test_no_more_than_eight_actors_are_counted() -> None:
    act: dict[str, Any] = {}
    for number in range(50):
        act = {"sub": str(number), "act": act}
    claims = {"aud": TOPIC, "digest": DIGEST, "act": act}
    principal = (await verified(signed(claims, typ=TYPES["task"]))).principal
    assert principal.actors == tuple(str(n) for n in range(49, 41, -1))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "....",
        "a.b.c.d",
        "é.é.é",
        "\ud800.a.b",
        "x" * (MAX_LENGTH + 1),
        "eyJh" * 3000,
        forged("[" * 5000, CLAIMS, lambda _: b""),
        forged({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"}, "[" * 5000, lambda _: b""),
        forged('{"a":' * 900 + "1" + "}" * 900, "{}", lambda _: b""),
        forged("[]", "[]", lambda _: b""),
        forged("null", "7", lambda _: b""),
        forged({"alg": ["EdDSA"], "kid": {"k": 1}, "typ": ["at+jwt"]}, CLAIMS, lambda _: b""),
    ],
)
async def test_what_is_no_token_is_refused_with_a_sentence(token: str) -> None:
    with pytest.raises(NotPermittedError) as refusal:
        await verified(token)
    assert str(refusal.value).endswith(".")
    assert len(str(refusal.value)) < 300


async def test_a_persons_token_may_be_bound_to_one_body() -> None:
    token = tokens().access(ANN, lifetime=60, digest=DIGEST)
    assert await verified(token)
    with pytest.raises(NotPermittedError, match="another message"):
        await verified(token, digest="e" * 64)


async def test_a_token_for_several_audiences_is_a_persons_only() -> None:
    private, public = pair("p", kinds=PERSONS)
    several = signed({"aud": ["elsewhere", "convener"]}, key=private)
    assert await tokens(None, public).verify(several, topic=TOPIC, digest=DIGEST)
    private, public = pair("s", kinds=SERVICES)
    several = signed(
        {"aud": [TOPIC, "task.business"], "digest": DIGEST}, typ=TYPES["task"], key=private
    )
    with pytest.raises(NotPermittedError):
        await tokens(None, public).verify(several, topic=TOPIC, digest=DIGEST)


def test_a_token_can_be_looked_at_without_trusting_it() -> None:
    header, claims = unverified(signed({"sub": "eve"}))
    assert header["kid"] == "k"
    assert claims["sub"] == "eve"


def test_no_key_shows_in_the_representation_of_one() -> None:
    secret = Key(kid="k", issuer=ISSUER, algorithm="HS256", material=b"s" * 32, kinds=ALL)
    assert "ssss" not in repr(secret)
