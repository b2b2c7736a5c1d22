"""Settings: flags over environment over `convener.toml`, read once per process.

| key in `convener.toml` | environment | meaning |
|---|---|---|
| `bus` | `CONVENER_BUS` | URL of the bus |
| `data` (a table of name = path) | `CONVENER_DATA` (`name=path,…`) | named data roots |
| `redis` | `CONVENER_REDIS` | URL of the Redis that keeps the ledger, for RabbitMQ |
| `cache` | `CONVENER_CACHE` | folder for what can be made again; may be deleted at any time |
| `model` | `CONVENER_MODEL` | the model, `openai:NAME`; without one findings are by rule alone |
| | `OPENAI_API_KEY` | the key for it |
| `base_url` | `OPENAI_BASE_URL` | where it is, if not at OpenAI |
| `prompts` | `CONVENER_PROMPTS` | folder of `.md` files that replace the built-in prompts |
| `prices` (a table of tables) | | by model: `input`, `output`, `cached_input` per million tokens |
| | `CONVENER_CACHE_KEY` | secret that seals kept answers, for workers on several machines |
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import platformdirs
from pydantic import TypeAdapter, ValidationError

from agents.domain.usage import Price
from agents.errors import AgentUsageError

FILE: Final = "convener.toml"

_KEYS: Final = frozenset(
    {"bus", "data", "redis", "cache", "model", "base_url", "prompts", "prices"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process was told from outside.

    `roots` maps a name to a folder; a dataset on RabbitMQ is named `root/path`, so that each
    machine may keep it elsewhere. Without any, the one root `data` is the working directory.
    Secrets are not part of the representation.
    """

    bus_url: str
    roots: Mapping[str, Path]
    cache: Path
    redis_url: str | None = None
    model: str | None = None
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    prompts: Path | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    cache_key: str | None = field(default=None, repr=False)

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
    written = _read(here / FILE)
    url = str(bus or env.get("CONVENER_BUS") or written.get("bus") or _default_bus())
    if url.partition(":")[0] not in ("sqlite", "amqp", "amqps"):
        raise AgentUsageError(
            f"{url!r} is no bus URL: use sqlite:///PATH or amqp://USER:PASSWORD@HOST:PORT/."
        )
    chosen = model if model is not None else env.get("CONVENER_MODEL") or written.get("model")
    if chosen and (not str(chosen).startswith("openai:") or str(chosen) == "openai:"):
        raise AgentUsageError(
            f"{chosen!r} is no model: write openai:NAME, which is also right for any other server "
            "that speaks the protocol (OPENAI_BASE_URL)."
        )
    prompts = env.get("CONVENER_PROMPTS") or written.get("prompts")
    cache = env.get("CONVENER_CACHE") or written.get("cache") or _default_cache()
    return Settings(
        bus_url=url,
        roots=_roots(env.get("CONVENER_DATA"), written.get("data"), here),
        cache=Path(cache).expanduser(),
        redis_url=env.get("CONVENER_REDIS") or written.get("redis"),
        model=str(chosen) if chosen else None,
        api_key=env.get("OPENAI_API_KEY") or None,
        base_url=env.get("OPENAI_BASE_URL") or written.get("base_url"),
        prompts=Path(here, prompts).expanduser() if prompts else None,
        prices=_prices(written.get("prices", {})),
        cache_key=env.get("CONVENER_CACHE_KEY") or None,
    )


def _default_bus() -> str:
    return f"sqlite:///{platformdirs.user_state_path('convener', appauthor=False) / 'bus.db'}"


def _default_cache() -> Path:
    return platformdirs.user_cache_path("convener", appauthor=False)


def _read(file: Path) -> Mapping[str, Any]:
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise AgentUsageError(f"{file} cannot be read: {error}.") from error
    unknown = sorted(written.keys() - _KEYS)
    if unknown:
        raise AgentUsageError(
            f"{file} has the unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}."
        )
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


def _roots(flag: str | None, table: Any, here: Path) -> Mapping[str, Path]:
    if flag:
        pairs = [part.partition("=") for part in flag.split(",") if part.strip()]
        named = {name.strip(): path.strip() for name, _, path in pairs}
    elif isinstance(table, dict):
        named = {str(name): str(path) for name, path in table.items()}
    elif table is None:
        named = {"data": str(here)}
    else:
        raise AgentUsageError(f"'data' in {FILE} is a table of name = path.")
    for name, path in named.items():
        if not name or not path or "/" in name:
            raise AgentUsageError(
                "CONVENER_DATA names data roots as name=path,name=path; "
                f"{name + '=' + path!r} is none."
            )
    return {name: Path(here, path).expanduser() for name, path in named.items()}
