"""From settings to an `Authority`: whom this process trusts, and as whom it sends.

A bus file belongs to its user, and so does a broker on this machine as long as the settings name no
keys: one key, made without asking, lets them do everything there. Every other bus needs keys.
"""

from collections.abc import Callable

from agents.authority_settings import AuthoritySettings
from agents.errors import AgentUsageError
from agents.settings import Settings
from bus import Authority, Clock, is_on_this_machine, local_keyring
from bus.authorities.token_file import TokenFile
from bus.domain.authority import Rules
from bus.keyring import Keyring
from bus.tokens import Tokens


def open_authority(settings: Settings, *, rules: Rules, clock: Clock) -> Authority:
    """What signs and verifies on the bus of `settings`; reads files.

    Raises:
        AgentUsageError: the bus is another machine's and no keys are named.
        UsageError: a key cannot be used.
    """
    from bus.authorities.tokens import TokenAuthority

    return TokenAuthority(
        open_tokens(settings, clock=clock),
        rules=rules,
        policy=settings.authority.policy,
        clock=clock,
        bearer=_bearer(settings.authority),
    )


def open_tokens(settings: Settings, *, clock: Clock) -> Tokens:
    """What issues and verifies tokens for the bus of `settings`; reads files.

    Raises:
        AgentUsageError: the bus is another machine's and no keys are named.
        UsageError: a key cannot be used.
    """
    keyring = _keyring(settings, clock)
    return Tokens(keyring, clock=clock, audience=settings.authority.audience)


def _keyring(settings: Settings, clock: Clock) -> Keyring:
    trusted = settings.authority
    if settings.is_embedded or (is_on_this_machine(settings.bus_url) and not trusted.names_keys):
        return local_keyring(settings.bus_url)
    if not trusted.names_keys:
        raise AgentUsageError(
            "The bus is on another machine, and nothing says by which keys its messages are "
            "trusted: name `services` below [authority] in convener.toml (`convener token key` "
            "makes the file), and set CONVENER_KEY for a service or CONVENER_TOKEN for a person."
        )
    from bus.keyrings.jwks import JwksKeyring

    return JwksKeyring(
        key=trusted.key, services=trusted.services, issuers=trusted.issuers, clock=clock
    )


def _bearer(settings: AuthoritySettings) -> Callable[[], str] | None:
    token = settings.token
    if token is not None:
        return lambda: token
    return None if settings.token_file is None else TokenFile(settings.token_file)
