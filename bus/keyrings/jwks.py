"""`JwksKeyring`: a key of one's own, the public keys of services, and issuers of people's tokens.

*Guarantees*: keys of one issuer are never taken for those of another, whatever they are named.

*Not here*: how a set is read (`key_set`) and where it comes from (`key_sources`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bus.clock import Clock
from bus.errors import UsageError
from bus.keyring import Key, TrustedIssuer
from bus.keyrings.key_files import PrivateKey, read_private
from bus.keyrings.key_set import SERVICES_ISSUER, issuer_keys, service_keys
from bus.keyrings.key_sources import KeyFile, KeySource, KeyUrl

RESERVED: Final = "convener:"
"""How names of issuers begin that are not people's."""


class JwksKeyring:
    """Signs with the private key in `key`, and trusts `services` and `issuers`. Reads files.

    Raises:
        UsageError: a file cannot be used, or an issuer cannot be trusted.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        key: Path | None = None,
        services: Path | None = None,
        issuers: Sequence[TrustedIssuer] = (),
    ) -> None:
        self._sources: dict[str, KeySource] = {}
        trusted = None
        if services is not None:
            parse = partial(service_keys, where=str(services))
            trusted = self._sources[SERVICES_ISSUER] = KeyFile(services, parse, clock=clock)
        for issuer in issuers:
            if not issuer.name or issuer.name.startswith(RESERVED) or issuer.name in self._sources:
                raise UsageError(
                    f"{issuer.name!r} cannot be an issuer: each has a name of its own, the 'iss' "
                    f"of its tokens, which does not begin with {RESERVED!r}."
                )
            self._sources[issuer.name] = _source(issuer, clock)
        self._own = None if key is None else _own(read_private(key), trusted)

    @property
    def own(self) -> Key | None:
        return self._own

    async def find(self, *, issuer: str, kid: str) -> Key | None:
        source = self._sources.get(issuer)
        return None if source is None else (await source.keys(kid)).get(kid)


def _source(issuer: TrustedIssuer, clock: Clock) -> KeySource:
    parse = partial(
        issuer_keys, issuer=issuer.name, algorithms=issuer.algorithms, where=str(issuer.jwks)
    )
    if isinstance(issuer.jwks, Path):
        return KeyFile(issuer.jwks, parse, clock=clock)
    return KeyUrl(issuer.jwks, parse, clock=clock)


def _own(private: PrivateKey, services: KeyFile | None) -> Key:
    """The key to sign with; what a service may do with it is what the others grant it."""
    if private.key.issuer != SERVICES_ISSUER:
        return private.key
    if services is None:
        raise UsageError(
            f"{private.file} is the key of a service: say in `services` below [authority] which "
            "file holds the public keys of all services."
        )
    granted = services.first.get(private.key.kid)
    if granted is None or not private.is_half_of(granted):
        raise UsageError(
            f"The key {private.key.kid!r} in {private.file} is not the one that the file of all "
            "services holds under that name, so nobody would trust it: give both from the same "
            "`convener token key`."
        )
    return replace(private.key, kinds=granted.kinds, senders=granted.senders)
