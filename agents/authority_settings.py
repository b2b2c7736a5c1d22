"""The part of the settings that says whom to trust, and who may do what.

| key below `[authority]` | environment | meaning |
|---|---|---|
| | `CONVENER_KEY` | file of the private key of this service, or of an issuer |
| | `CONVENER_TOKEN` | the token of whoever runs this process |
| | `CONVENER_TOKEN_FILE` | a file with it, read again when it changes |
| `audience` | | the `aud` of tokens for this bus, `convener` |
| `services` | | file with the public keys of all services |
| `[[issuers]]`: `name`, `jwks`, `algorithms` | | who issues people's tokens |
| `[roles]`: role = permissions | | what the `roles` of people's tokens stand for |
| `[agents]`: role = permissions | | what is passed on to an agent, `"*"` to the others |
| `[datasets]`: person = patterns | | the data they may be given, `"*"` everybody |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agents.domain.role import task_topic
from agents.errors import AgentUsageError
from bus.domain.authority import EVERY, PERMISSIONS, Policy
from bus.keyring import ASYMMETRIC, Asymmetric, TrustedIssuer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySettings:
    """What this process signs with, and what it trusts."""

    key: Path | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    audience: str = "convener"
    services: Path | None = None
    issuers: tuple[TrustedIssuer, ...] = ()
    policy: Policy = field(default_factory=Policy)

    @property
    def names_keys(self) -> bool:
        """Whether it says by which keys messages are signed or trusted."""
        return bool(self.key or self.services or self.issuers)


def _permission(name: str) -> str:
    if name not in PERMISSIONS:
        raise ValueError(f"{name!r} is no permission; use {', '.join(sorted(PERMISSIONS))}")
    return name


_Permissions: TypeAlias = list[Annotated[str, AfterValidator(_permission)]]
_Text: TypeAlias = Annotated[str, Field(min_length=1)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Issuer(_Written):
    name: _Text
    jwks: _Text
    algorithms: list[Asymmetric] = Field(default=list(ASYMMETRIC), min_length=1)


class _Section(_Written):
    audience: _Text = "convener"
    services: _Text | None = None
    issuers: list[_Issuer] = []
    roles: dict[str, _Permissions] = {}
    agents: dict[str, _Permissions] = {}
    datasets: dict[str, list[_Text]] | None = None


_URL_SCHEMES: Final = ("https://", "http://")


def authority_settings(
    section: Any, environment: Mapping[str, str], here: Path, *, file: str
) -> AuthoritySettings:
    """What the table `[authority]` of `file` says together with the environment.

    Raises:
        AgentUsageError: one of them cannot be understood.
    """
    try:
        written = _Section.model_validate(section)
    except ValidationError as error:
        raise AgentUsageError(_sentence(error, file)) from error
    token, token_file = (environment.get(n) for n in ("CONVENER_TOKEN", "CONVENER_TOKEN_FILE"))
    if token and token_file:
        raise AgentUsageError("Set one of CONVENER_TOKEN and CONVENER_TOKEN_FILE, not both.")
    return AuthoritySettings(
        key=_path(environment.get("CONVENER_KEY"), here),
        token=token.strip() if token else None,
        token_file=_path(token_file, here),
        audience=written.audience,
        services=_path(written.services, here),
        issuers=tuple(_issuer(issuer, here) for issuer in written.issuers),
        policy=_policy(written),
    )


def _policy(written: _Section) -> Policy:
    agents = {role: frozenset(permissions) for role, permissions in written.agents.items()}
    others = agents.pop(EVERY, Policy().agents_default)
    datasets = written.datasets
    return Policy(
        roles=MappingProxyType(
            {role: frozenset(permissions) for role, permissions in written.roles.items()}
        ),
        agents=MappingProxyType({task_topic(role): granted for role, granted in agents.items()}),
        agents_default=others,
        datasets=None
        if datasets is None
        else MappingProxyType({person: tuple(patterns) for person, patterns in datasets.items()}),
    )


def _issuer(written: _Issuer, here: Path) -> TrustedIssuer:
    is_url = written.jwks.startswith(_URL_SCHEMES)
    return TrustedIssuer(
        name=written.name,
        jwks=written.jwks if is_url else path_of(written.jwks, here),
        algorithms=tuple(written.algorithms),
    )


def _path(written: str | None, here: Path) -> Path | None:
    return path_of(written, here) if written else None


def path_of(written: str, here: Path) -> Path:
    """The path that is meant by somebody who wrote it in the folder `here`.

    Raises:
        AgentUsageError: it is none, or begins with the home of somebody who is not known here.
    """
    try:
        if "\0" in written:
            raise ValueError("it contains a NUL character")
        return Path(here, Path(written).expanduser())
    except (RuntimeError, ValueError) as error:
        raise AgentUsageError(f"{written!r} is no path: {str(error).rstrip('.')}.") from error


def _sentence(error: ValidationError, file: str) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in ("authority", *problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return (
            f"{file} has the unknown key {where!r}: see `Security` in the README for those known."
        )
    reason = problem["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{where!r} in {file} cannot be used: {reason}."
