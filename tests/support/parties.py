"""Who has which key on one bus, in memory."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.messages import RULES
from bus import Clock, Policy, SystemClock
from bus.authorities.tokens import TokenAuthority
from bus.keyring import Key, TokenKind
from bus.tokens import Tokens


class Party:
    """Somebody with a key of their own: a service, or who issues tokens to people."""

    def __init__(self, name: str, *kinds: TokenKind, senders: Sequence[str] = ()) -> None:
        private = Ed25519PrivateKey.generate()
        self.secret = self._key(name, private, kinds, senders)
        self.public = self._key(name, private.public_key(), kinds, senders)

    def _key(
        self, name: str, material: object, kinds: Sequence[TokenKind], senders: Sequence[str]
    ) -> Key:
        return Key(
            kid=name,
            issuer=f"test:{name}",
            algorithm="EdDSA",
            material=material,
            kinds=frozenset(kinds),
            senders=tuple(senders),
        )


class Ring:
    """A keyring with `own`'s secret, which trusts `parties`."""

    def __init__(self, own: Party | None, parties: Sequence[Party]) -> None:
        self._own = own
        self._trusted = {(party.public.issuer, party.public.kid): party for party in parties}

    @property
    def own(self) -> Key | None:
        return None if self._own is None else self._own.secret

    async def find(self, *, issuer: str, kid: str) -> Key | None:
        party = self._trusted.get((issuer, kid))
        return None if party is None else party.public


class Parties:
    """Who is trusted: an issuer of people's tokens, the orchestrator, the workers."""

    def __init__(
        self, *roles: str, clock: Clock | None = None, policy: Policy | None = None
    ) -> None:
        service = ("convener", "convener-*", "recorder")
        self.issuer = Party("issuer", "access")
        self.orchestrator = Party(
            "orchestrator", "task", "message", senders=("orchestrator", *service)
        )
        self.workers = {role: Party(role, "message", senders=(role, *service)) for role in roles}
        self._policy = policy or Policy()
        self._clock = clock or SystemClock()

    def tokens(self, own: Party | None) -> Tokens:
        parties = [self.issuer, self.orchestrator, *self.workers.values()]
        return Tokens(Ring(own, parties), clock=self._clock)

    def authority(self, own: Party | None, *, bearer: str | None = None) -> TokenAuthority:
        return TokenAuthority(
            self.tokens(own),
            rules=RULES,
            policy=self._policy,
            clock=self._clock,
            bearer=None if bearer is None else lambda: bearer,
        )
