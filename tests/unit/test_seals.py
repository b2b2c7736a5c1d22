"""Seals hold for the statement, the key and the name they were made with, and no other."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bus.errors import UsageError
from bus.keyring import PERSONS, SERVICES, Key
from bus.sealing.seals import is_sealed, seal

PRIVATE = Ed25519PrivateKey.generate()


def key(material: object, **others: object) -> Key:
    fields = {"kid": "k", "issuer": "us", "algorithm": "EdDSA", "kinds": SERVICES}
    return Key(material=material, **{"senders": ("worker",), **fields, **others})  # type: ignore[arg-type]


OWN = key(PRIVATE)
TRUSTED = key(PRIVATE.public_key())


def test_a_seal_holds_for_what_was_sealed_only() -> None:
    made = seal(b"statement", OWN)
    assert (made.issuer, made.kid) == ("us", "k")
    assert is_sealed(b"statement", made, TRUSTED, name="worker")
    assert not is_sealed(b"statements", made, TRUSTED, name="worker")


def test_a_key_vouches_only_for_the_names_that_it_covers() -> None:
    made = seal(b"statement", OWN)
    assert not is_sealed(b"statement", made, TRUSTED, name="orchestrator")


def test_a_key_for_tokens_of_persons_seals_nothing() -> None:
    made = seal(b"statement", OWN)
    theirs = key(PRIVATE.public_key(), kinds=PERSONS)
    assert not is_sealed(b"statement", made, theirs, name="worker")


@pytest.mark.parametrize("written", ["", "zz", "AB" * 32, "ab " * 32, "abc"])
def test_a_signature_has_one_way_to_be_written(written: str) -> None:
    made = seal(b"statement", OWN)
    other = type(made)(issuer="us", kid="k", signature=written)
    assert not is_sealed(b"statement", other, TRUSTED, name="worker")
    upper = type(made)(issuer="us", kid="k", signature=made.signature.upper())
    assert not is_sealed(b"statement", upper, TRUSTED, name="worker")


def test_material_that_does_not_fit_the_algorithm_is_named() -> None:
    with pytest.raises(UsageError, match="'k' does not fit EdDSA"):
        seal(b"statement", key("no key at all"))
