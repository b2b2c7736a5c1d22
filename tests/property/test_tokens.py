"""No change to a token goes unnoticed, nothing that comes in breaks the reader, nothing widens."""

import asyncio
import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bus.domain.authority import PERMISSIONS, Policy, Principal
from bus.errors import NotPermittedError, UsageError
from bus.keyring import ALL, Key
from bus.keyrings.jwk import make_private, public_part
from bus.keyrings.key_set import service_keys
from bus.tokens import Claims, Tokens
from tests.support.clock import ManualClock
from tests.support.keys import ISSUER, Keys, forged, pair

TOPIC, DIGEST = "task.security", "d" * 64
OWN, PUBLIC = pair("k", kinds=ALL, senders=("*",))
HMAC = Key(kid="h", issuer=ISSUER, algorithm="HS256", material=b"k" * 32, kinds=ALL)
TOKENS = Tokens(Keys(OWN, PUBLIC, HMAC), clock=ManualClock())
NOW = ManualClock().now()

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
scopes = st.frozensets(st.sampled_from(sorted(PERMISSIONS)))
groups = st.lists(st.lists(names, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple)
people = st.builds(Principal, subject=names, scopes=scopes, datasets=groups)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=10,
)


def verified(token: str) -> Claims:
    return asyncio.run(TOKENS.verify(token, topic=TOPIC, digest=DIGEST))


def task(principal: Principal, actor: str = "orchestrator") -> str:
    expires_at = NOW + timedelta(seconds=60)
    return TOKENS.task(principal, actor=actor, topic=TOPIC, digest=DIGEST, expires_at=expires_at)


MADE = (
    TOKENS.access(Principal(subject="ann", scopes=PERMISSIONS), lifetime=60),
    task(Principal(subject="ann", scopes=PERMISSIONS)),
    Tokens(Keys(HMAC), clock=ManualClock()).message("security", digest=DIGEST),
)


@given(st.sampled_from(MADE), st.data())
def test_a_token_with_any_one_character_changed_is_refused(token: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.characters(min_codepoint=0, max_codepoint=0x17F).filter(lambda c: c != token[position])
    )
    try:
        verified(token[:position] + other + token[position + 1 :])
    except NotPermittedError:
        return
    raise AssertionError(f"{position}: {other!r}")


@given(st.sampled_from(MADE), st.data())
def test_a_token_that_is_cut_or_put_together_from_two_is_refused(
    token: str, data: st.DataObject
) -> None:
    header, claims, signature = token.split(".")
    other = data.draw(st.sampled_from([each for each in MADE if each != token])).split(".")
    for forgery in (
        token[: data.draw(st.integers(0, len(token) - 1))],
        f"{other[0]}.{claims}.{signature}",
        f"{header}.{other[1]}.{signature}",
        f"{header}.{claims}.{other[2]}",
        f"{header}.{claims}.",
    ):
        try:
            verified(forgery)
        except NotPermittedError:
            continue
        raise AssertionError(forgery)


@given(documents, documents)
def test_whatever_a_signed_token_says_it_is_read_or_refused(header: object, claims: object) -> None:
    def token(header: object, claims: object) -> str:
        return forged(json.dumps(header), json.dumps(claims), OWN.material.sign)

    known = {"alg": "EdDSA", "kid": "k", "typ": "at+jwt"}
    sound = {"iss": ISSUER, "aud": "convener", "sub": "a", "exp": 1e10, "iat": 1, "jti": "1"}
    mixed = claims if isinstance(claims, dict) else {}
    for each in (
        token(header, claims),
        token(known, claims),
        *(token(known, {**sound, name: claims}) for name in (*sound, "act", "datasets", "scope")),
        token(known, {**sound, **mixed}),
    ):
        try:
            verified(each)
        except NotPermittedError as refusal:
            assert len(str(refusal)) < 400


@given(people, scopes, names)
def test_what_is_passed_on_comes_out_as_it_went_in_and_never_as_more(
    principal: Principal, cap: frozenset[str], actor: str
) -> None:
    policy = Policy(agents={TOPIC: cap})
    first = verified(task(policy.passed_on(principal, TOPIC), actor)).principal
    assert first.subject == principal.subject
    assert first.scopes == principal.scopes & cap
    assert first.datasets == principal.datasets
    assert first.actors == (actor,)
    second = verified(task(policy.passed_on(first, "task.other"), "next")).principal
    assert second.scopes <= first.scopes
    assert second.datasets[: len(first.datasets)] == first.datasets
    assert second.actors == ("next", actor)


@given(documents, st.sampled_from(["kty", "crv", "x", "alg", "kid", "senders", "kinds", "use"]))
def test_whatever_stands_in_a_set_of_keys_it_is_used_or_refused(value: object, name: str) -> None:
    key = {**public_part(make_private("k")), name: value}
    for text in (json.dumps({"keys": [key]}), json.dumps({"keys": [value]}), json.dumps(value)):
        try:
            service_keys(text.encode(), where="it")
        except UsageError as refusal:
            assert str(refusal).endswith(".")
