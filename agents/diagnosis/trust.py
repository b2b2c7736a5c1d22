"""Whether this process can sign, whom it trusts, and how long its token still holds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from agents.authority import open_tokens
from agents.authority_settings import AuthoritySettings
from agents.domain.role import ORCHESTRATOR
from agents.errors import AgentUsageError
from agents.settings import Settings
from bus import Clock, NotPermittedError, UsageError
from bus.authorities.token_file import TokenFile
from bus.diagnosis.aside import aside
from bus.diagnosis.check import Check, Verdict, failed, fine, noted, warned
from bus.keyring import Key
from bus.tokens import Tokens, unverified

SHORT: Final = 300.0
"""Seconds; a token that ends sooner may do so before the report that it asks for is out."""

FETCHING: Final = 6.0
"""Seconds for the keys of issuers; a fetch gives up after five, and says why."""

_ISSUE: Final = "Get a new one, such as by `convener token issue`."


def checks(settings: Settings, roles: Sequence[str], *, clock: Clock) -> Sequence[Check]:
    """The questions about keys and tokens."""

    async def keys() -> Verdict:
        tokens = await _opened(settings, clock)
        if isinstance(tokens, Verdict):
            return tokens
        for issuer in settings.authority.issuers:
            await tokens.trusted(issuer=issuer.name, kid="")  # raises if it cannot be asked
        return judged_key(tokens.own, roles, settings.authority)

    async def token() -> Verdict:
        tokens = await _opened(settings, clock)
        return tokens if isinstance(tokens, Verdict) else await judged_token(tokens, settings)

    asked = Check(name="keys", probe=keys, timeout=FETCHING)
    has_token = settings.authority.token or settings.authority.token_file
    return (asked, Check(name="token", probe=token, needs="keys")) if has_token else (asked,)


def judged_key(own: Key | None, roles: Sequence[str], settings: AuthoritySettings) -> Verdict:
    """What a process with this key may do; `roles` are those it could serve."""
    if own is None:
        if settings.token or settings.token_file:
            return fine("No key of its own: whoever runs this is known by a token.")
        return warned(
            "There is neither a key nor a token: nothing that is sent from here is accepted.",
            "Set CONVENER_KEY for a service, or CONVENER_TOKEN for a person.",
        )
    if own.is_local:
        return fine("The key of this user on this machine signs everything.")
    if "access" in own.kinds:
        return fine(f"The key {own.kid} issues people's tokens, as {own.issuer}.")
    served = [role for role in roles if own.covers(role)]
    if "task" in own.kinds and own.covers(ORCHESTRATOR):
        served.insert(0, ORCHESTRATOR)
    if not served:
        return noted(
            f"The key {own.kid} covers none of the built-in roles: it signs as "
            f"{', '.join(own.senders) or 'nobody'}."
        )
    return fine(f"The key {own.kid} may serve {', '.join(served)}.")


async def judged_token(tokens: Tokens, settings: Settings) -> Verdict:
    """Whether the token is trusted here, and for how long."""
    try:
        given = await aside(lambda: _given(settings.authority))
        _, claims = unverified(given)
        audience, digest = str(claims.get("aud", "")), str(claims.get("digest", ""))
        verified = await tokens.verify(given, topic=audience, digest=digest)
    except NotPermittedError as error:
        return failed(f"The token is not valid: {error}", _ISSUE)
    left = float(claims.get("exp", 0)) - datetime.now(UTC).timestamp()
    what = (
        f"The token of {verified.principal.subject} holds for another {left / 60:.0f} minutes and "
        f"permits {', '.join(sorted(verified.principal.scopes)) or 'nothing'}."
    )
    return warned(what, _ISSUE) if left < SHORT else fine(what)


def _given(settings: AuthoritySettings) -> str:
    if settings.token_file is not None:
        return TokenFile(settings.token_file)()
    return settings.token or ""


async def _opened(settings: Settings, clock: Clock) -> Tokens | Verdict:
    def opened() -> Tokens | Verdict:
        try:
            return open_tokens(settings, clock=clock)
        except (AgentUsageError, UsageError) as error:
            return failed(str(error))

    return await aside(opened)
