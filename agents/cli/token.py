"""`convener token`: keys of services and issuers, and tokens of people.

*Guarantees*: no signature and no private key is printed, but the token that was asked for.

*Not here*: what a token says and how it is checked; that is `bus.tokens`.
"""

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agents.cli.pages import exit_codes
from agents.cli.values import OutputFile
from agents.errors import AgentUsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from agents.cli.session import Session
    from bus.tokens import Tokens

DEFAULT_SCOPE: Final = "read_data,execute_queries"
MAX_LIFETIME: Final = 24 * 3600.0
"""Seconds: a token that is stolen is somebody else's until it ends."""

SERVICES_FILE: Final = "services.jwks"
ISSUER_FILE: Final = "issuer.jwks"

_SPAN: Final = re.compile(r"(\d{1,6})\s*([smh])")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


@click.group(epilog=exit_codes())
def token() -> None:
    """Make keys and tokens, and look at them.

    \b
    Examples:
      convener token key panel --sender '*' --kind task
      convener token key people --issuer https://convener.example
      convener token issue --subject ann --for 8h
      convener token inspect
    """


@token.command(epilog=exit_codes())
@click.option("--subject", required=True, help="Whose token it is.")
@click.option(
    "--scope",
    default=DEFAULT_SCOPE,
    show_default=True,
    shell_complete=lambda _, __, begun: _scopes(begun),
    help="Permissions, with commas: read_data, execute_queries, write_data, admin_operations.",
)
@click.option("--role", "roles", multiple=True, help="A role that [authority.roles] grants.")
@click.option(
    "--dataset", "datasets", multiple=True, metavar="PATTERN", help="Only data such as sales/*."
)
@click.option(
    "--for",
    "span",
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How long it holds: 90s, 30m, 8h; at most 24h.",
)
@click.pass_context
def issue(
    context: click.Context,
    subject: str,
    scope: str,
    roles: tuple[str, ...],
    datasets: tuple[str, ...],
    span: str,
) -> int:
    """Print a token for a person, and nothing else.

    It is signed with the key of a bus on this machine, otherwise with that of an issuer
    (CONVENER_KEY).

    \b
    Examples:
      convener token issue --subject ann --for 8h
      convener token issue --subject nightly --scope read_data --dataset 'sales/*'
    """
    from bus.domain.authority import PERMISSIONS, Principal

    scopes = frozenset(scope.replace(",", " ").split())
    if unknown := sorted(scopes - PERMISSIONS):
        raise AgentUsageError(
            f"{unknown[0]!r} is no permission: use {', '.join(sorted(PERMISSIONS))}."
        )
    if not subject.strip():
        raise AgentUsageError("A token is somebody's: name them with --subject.")
    principal = Principal(
        subject=subject, scopes=scopes, datasets=(tuple(datasets),) if datasets else ()
    )
    lifetime = _lifetime(span)
    tokens = _tokens(_begin(context))
    if tokens.own is None or "access" not in tokens.own.kinds:
        raise AgentUsageError(
            "People's tokens are signed by an issuer: set CONVENER_KEY to a key that `convener "
            "token key NAME --issuer …` made."
        )
    click.echo(tokens.access(principal, lifetime=lifetime, roles=roles))
    return 0


@token.command(epilog=exit_codes("trusted", denied="not trusted"))
@click.argument("text", metavar="[TOKEN|-]", required=False)
@click.pass_context
def inspect(context: click.Context, text: str | None) -> int:
    """Show what a token says, and whether it is trusted here; exits with 4 if it is not.

    Give it as argument, by standard input (`-`), or as CONVENER_TOKEN or CONVENER_TOKEN_FILE.
    A token that was made for one message is judged as if that was at hand.

    \b
    Examples:
      convener token inspect
      convener token issue --subject ann | convener token inspect -
    """
    from agents.cli.failure import NOT_PERMITTED
    from agents.cli.session import execute
    from bus import BusError, NotPermittedError
    from bus.tokens import unverified

    session = _begin(context)
    given = _given(session, text)
    header, claims = unverified(given)
    tokens = _tokens(session)
    topic, digest = str(claims.get("aud", "")), str(claims.get("digest", ""))
    try:
        verified = execute(tokens.verify(given, topic=topic, digest=digest))
    except NotPermittedError as error:
        verdict, code = f"not valid: {error}", NOT_PERMITTED
    except BusError as error:
        verdict, code = f"not verified: {error}", NOT_PERMITTED
    else:
        issuer, kid = json.dumps(verified.key.issuer), json.dumps(verified.key.kid)
        verdict, code = f"valid: signed by {issuer} with the key {kid}", 0
    click.echo(f"{verdict}\n{_remaining(claims)}header {_json(header)}\nclaims {_json(claims)}")
    return code


@token.command(epilog=exit_codes())
@click.argument("name")
@click.option(
    "--sender",
    "senders",
    multiple=True,
    metavar="PATTERN",
    help="A name under which it may send, such as security or '*'; without it, NAME.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["message", "task"]),
    help="What it may sign: message every key may, task is for orchestrators.",
)
@click.option(
    "--services",
    "--jwks",
    "jwks",
    type=OutputFile(),
    help=f"The set that its public part joins; {SERVICES_FILE}, or {ISSUER_FILE} with --issuer.",
)
@click.option(
    "--issuer", metavar="ISS", help="It signs people's tokens under this name instead of messages."
)
@click.option(
    "--out",
    type=OutputFile(),
    help="Where the private key goes; NAME.key.",
)
def key(
    name: str,
    senders: tuple[str, ...],
    kinds: tuple[str, ...],
    jwks: Path | None,
    issuer: str | None,
    out: Path | None,
) -> int:
    """Make a key named NAME, and let its public part join a set.

    The private key (Ed25519) stays with the process that signs, as CONVENER_KEY; the set goes to
    all of them. To replace a key, make one with another name and the same --sender, restart the
    process with it, and drop the old one. Processes read a changed set by themselves.

    \b
    Examples:
      convener token key panel --sender '*' --kind task
      convener token key people --issuer https://convener.example
    """
    from bus.keyrings.key_files import make_issuer_key, make_service_key

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}", name):
        raise AgentUsageError(
            f"{name!r} cannot name a key: use up to 100 letters, digits and . _ @ -, a letter or "
            "digit first."
        )
    file = out or Path(f"{name}.key")
    if issuer is None:
        services = jwks or Path(SERVICES_FILE)
        make_service_key(
            file, services, name=name, senders=senders or (name,), kinds=sorted({"message", *kinds})
        )
        click.echo(
            f"The private key is in {file}: set CONVENER_KEY to it. The public part joined "
            f"{services}: name that as `services` below [authority] in every convener.toml.",
            err=True,
        )
        return 0
    if senders or kinds:
        raise AgentUsageError("--sender and --kind are for keys of services, not of an issuer.")
    if not issuer.strip() or issuer.startswith("convener:"):
        raise AgentUsageError("An issuer has a name, which does not begin with 'convener:'.")
    people = jwks or Path(ISSUER_FILE)
    make_issuer_key(file, people, name=name, issuer=issuer)
    click.echo(
        f"The private key is in {file}: set CONVENER_KEY to it for `convener token issue`. To "
        f"trust it, write into every convener.toml:\n\n[[authority.issuers]]\n"
        f"name = {json.dumps(issuer)}\njwks = {json.dumps(str(people))}",
        err=True,
    )
    return 0


@token.command(epilog=exit_codes())
@click.argument("name")
@click.option(
    "--services",
    "--jwks",
    "jwks",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(SERVICES_FILE),
    show_default=True,
    help="The set that it stands in.",
)
def drop(name: str, jwks: Path) -> int:
    """Trust the key NAME no more: take it out of a set.

    \b
    Examples:
      convener token drop panel
    """
    from bus.keyrings.key_files import drop_key

    drop_key(jwks, name=name)
    click.echo(f"{name} is no longer in {jwks}.", err=True)
    return 0


def _scopes(begun: str) -> "list[CompletionItem | str]":
    """`begun` with each permission that may stand in the place of its last one."""
    from bus.domain.authority import PERMISSIONS

    before, comma, last = begun.rpartition(",")
    return [f"{before}{comma}{each}" for each in sorted(PERMISSIONS) if each.startswith(last)]


def _begin(context: click.Context) -> "Session":
    from agents.cli.session import begin

    return begin(context)


def _tokens(session: "Session") -> "Tokens":
    from agents.authority import open_tokens
    from bus import SystemClock

    return open_tokens(session.settings, clock=SystemClock())


def _lifetime(span: str) -> float:
    parsed = _SPAN.fullmatch(span.strip())
    seconds = int(parsed[1]) * _SECONDS[parsed[2]] if parsed else 0.0
    if not 0 < seconds <= MAX_LIFETIME:
        raise AgentUsageError(f"{span!r} is no lifetime: write 90s, 30m or 8h, at most 24h.")
    return seconds


def _given(session: "Session", text: str | None) -> str:
    from bus.authorities.token_file import TokenFile

    settings = session.settings.authority
    if text == "-":
        text = sys.stdin.read(1 << 16)
    elif text is None and settings.token_file is not None:
        text = TokenFile(settings.token_file)()
    given = (text or settings.token or "").strip()
    if not given:
        raise AgentUsageError(
            "Give a token: as an argument, by standard input with -, or as CONVENER_TOKEN."
        )
    return given


def _remaining(claims: Mapping[str, Any]) -> str:
    """A line on how long it still holds; nothing if it does not say."""
    ends = claims.get("exp")
    if isinstance(ends, bool) or not isinstance(ends, (int, float)) or not 0 <= ends < 2**37:
        return ""
    left = int(ends - datetime.now(UTC).timestamp())
    hours, rest = divmod(abs(left), 3600)
    span = f"{hours} h {rest // 60} min {rest % 60} s"
    return f"ends in {span}\n" if left > 0 else f"ended {span} ago\n"


def _json(part: Mapping[str, Any]) -> str:
    return json.dumps(part, indent=2)
