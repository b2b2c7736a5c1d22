"""Settings: flags over environment over `convener.toml`, read once per process.

*Not here*: which settings there are and what they mean (`agents.setting_names`), and the part that
says whom to trust (`agents.authority_settings`).
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import platformdirs
from pydantic import TypeAdapter, ValidationError

from agents.authority_settings import AuthoritySettings, authority_settings, path_of
from agents.domain.usage import Price
from agents.duration import duration
from agents.errors import AgentUsageError
from agents.setting_names import FILE, keys
from bus.logs.redaction import without_password
from bus.tls import TlsFiles, with_files

SHORTEST_RETENTION: Final = timedelta(hours=1)
"""A request lives for 20 minutes at most."""

_TABLES: Final = frozenset({"data", "prices", "authority", "history"})
_SCHEMES: Final = ("sqlite", "amqp", "amqps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process was told from outside.

    `roots` maps a name to a folder; a dataset on RabbitMQ is named `root/path`, so that each
    machine may keep it elsewhere. Without any, the one root `data` is the working directory.
    Secrets are not part of the representation.
    """

    bus_url: str = field(repr=False)
    roots: Mapping[str, Path]
    cache: Path
    redis_url: str | None = field(default=None, repr=False)
    vault_url: str | None = field(default=None, repr=False)
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    prompts: Path | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    cache_key: str | None = field(default=None, repr=False)
    audit_heads: Path | None = None
    retention: timedelta | None = None
    authority: AuthoritySettings = field(default_factory=AuthoritySettings)

    @property
    def is_embedded(self) -> bool:
        """Whether the bus is a file on this machine."""
        return self.bus_url.startswith("sqlite:")


def load_settings(
    *,
    bus: str | None = None,
    model: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """The settings of a process that was started in `folder` with the flags `bus` and `model`.

    Raises:
        AgentUsageError: the file or a value cannot be understood.
    """
    env = os.environ if environment is None else environment
    here = folder or Path.cwd()
    written = read_file(here / FILE)
    if bus == "":
        raise AgentUsageError("--bus names nothing: give a URL, or leave it out.")
    url = str(bus or env.get("CONVENER_BUS") or written.get("bus") or _default_bus())
    _check_bus(url)
    chosen = model if model is not None else env.get("CONVENER_MODEL") or written.get("model")
    if chosen and (not str(chosen).startswith("openai:") or str(chosen) == "openai:"):
        raise AgentUsageError(
            f"{chosen!r} is no model: write openai:NAME, which is also right for any other server "
            "that speaks the protocol (OPENAI_BASE_URL)."
        )
    redis = env.get("CONVENER_REDIS") or written.get("redis")
    vault = env.get("CONVENER_VAULT") or written.get("vault")
    files = TlsFiles(
        authority=_file("ca", env, written, here),
        certificate=_file("certificate", env, written, here),
        key=_file("certificate_key", env, written, here),
    )
    prompts = env.get("CONVENER_PROMPTS") or written.get("prompts")
    heads = env.get("CONVENER_AUDIT_HEADS") or written.get("audit_heads")
    cache = env.get("CONVENER_CACHE") or written.get("cache") or _default_cache()
    return Settings(
        bus_url=with_files(url, files),
        roots=_roots(env.get("CONVENER_DATA"), written.get("data"), here),
        cache=path_of(str(cache), here),
        redis_url=with_files(str(redis), files) if redis else None,
        vault_url=with_files(str(vault), files) if vault else None,
        model=str(chosen) if chosen else None,
        api_key=env.get("OPENAI_API_KEY") or None,
        base_url=env.get("OPENAI_BASE_URL") or written.get("base_url"),
        prompts=path_of(prompts, here) if prompts else None,
        prices=_prices(written.get("prices", {})),
        cache_key=env.get("CONVENER_CACHE_KEY") or None,
        audit_heads=path_of(heads, here) if heads else None,
        retention=_retention(env.get("CONVENER_RETENTION"), written.get("history", {})),
        authority=authority_settings(written.get("authority", {}), env, here, file=FILE),
    )


def _check_bus(url: str) -> None:
    scheme, mark, _ = url.partition("://")
    if not mark or scheme not in _SCHEMES:
        raise AgentUsageError(
            f"{without_password(url)!r} is no bus URL: use sqlite:///PATH or "
            "amqp://USER:PASSWORD@HOST:PORT/."
        )
    if scheme == "sqlite":
        return
    try:
        parts = urlsplit(url)
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # the port is no number, or a bracket of an address is missing
        named = False
    if not named:
        raise AgentUsageError(
            f"{without_password(url)!r} names no host and port of a broker: use "
            f"{scheme}://USER:PASSWORD@HOST:PORT/VHOST, with / @ : in a password as %2F %40 %3A."
        )


def _file(
    key: str, environment: Mapping[str, str], written: Mapping[str, Any], here: Path
) -> Path | None:
    named = environment.get(f"CONVENER_{key.upper()}") or written.get(key)
    return path_of(named, here) if named else None


def _default_bus() -> str:
    return f"sqlite:///{platformdirs.user_state_path('convener', appauthor=False) / 'bus.db'}"


def _default_cache() -> Path:
    return platformdirs.user_cache_path("convener", appauthor=False)


def read_file(file: Path) -> Mapping[str, Any]:
    """What is written in `file`, with known keys only; nothing if it is not there.

    Raises:
        AgentUsageError: it cannot be understood.
    """
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise AgentUsageError(
            f"{file} cannot be read: it is not UTF-8; save it as such."
        ) from error
    except OSError as error:
        raise AgentUsageError(f"{file} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise AgentUsageError(f"{file} cannot be read as TOML: {error}.") from error
    known = keys()
    unknown = sorted(written.keys() - known)
    if unknown:
        raise AgentUsageError(
            f"{file} has the unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}."
        )
    for name in sorted(written.keys() - _TABLES):
        if not isinstance(written[name], str):
            raise AgentUsageError(f"{name!r} in {file} is not a text: write it in quotes.")
    return written


def _prices(table: Any) -> Mapping[str, Price]:
    try:
        return TypeAdapter(dict[str, Price]).validate_python(table)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise AgentUsageError(
            f"'prices' in {FILE} is a table per model, such as [prices.\"gpt-4o-mini\"] with input "
            f"= 0.15 and output = 0.6 for a million tokens; {where}: {problem['msg']}."
        ) from error


def _retention(flag: str | None, table: Any) -> timedelta | None:
    if not isinstance(table, dict) or table.keys() - {"retention"}:
        raise AgentUsageError(f"'history' in {FILE} is a table with one key: retention = \"90d\".")
    text = flag or table.get("retention")
    if text is None:
        return None
    retention = duration(str(text))
    if retention < SHORTEST_RETENTION:
        raise AgentUsageError(
            f"A retention of {text} could erase what is still worked on: an hour is the shortest."
        )
    return retention


def _roots(flag: str | None, table: Any, here: Path) -> Mapping[str, Path]:
    if flag:
        pairs = [part.partition("=") for part in flag.split(",") if part.strip()]
        named = {name.strip(): path.strip() for name, _, path in pairs}
    elif isinstance(table, dict) and all(isinstance(path, str) for path in table.values()):
        named = dict(table)
    elif table is None:
        named = {"data": str(here)}
    else:
        raise AgentUsageError(
            f"'data' in {FILE} is a table of name = path, each path a text in quotes."
        )
    for name, path in named.items():
        if not name or not path or "/" in name:
            raise AgentUsageError(
                "CONVENER_DATA names data roots as name=path,name=path; "
                f"{(f'{name}={path}' if path else name)!r} is none."
            )
    return {name: path_of(path, here) for name, path in named.items()}
