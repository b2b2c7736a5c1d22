"""`SETTINGS`: every setting there is, by its key in `convener.toml` and its environment variable.

*Not here*: what they come to in a process (`agents.settings`, `agents.authority_settings`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bus.logs.redaction import without_password

FILE: Final = "convener.toml"
PREFIX: Final = "CONVENER_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: a dotted `key` in the file, a `variable`, an `option`, each empty if none.

    `is_secret` says that its value is never shown.
    """

    key: str = ""
    variable: str = ""
    option: str = ""
    meaning: str
    is_secret: bool = False

    def shown(self, value: str) -> str:
        """`value` as it may be shown."""
        return "(secret)" if self.is_secret else without_password(value) if value else ""


SETTINGS: Final = (
    Setting(
        key="bus",
        variable="CONVENER_BUS",
        option="--bus",
        meaning="sqlite:///PATH or amqp(s)://USER:PASSWORD@HOST:PORT/VHOST; by default one file in "
        "your state directory",
    ),
    Setting(
        key="data",
        variable="CONVENER_DATA",
        meaning="data roots for RabbitMQ: a table of name = path, or name=path,…; by default "
        "data = the working directory",
    ),
    Setting(
        key="redis",
        variable="CONVENER_REDIS",
        meaning="redis(s)://HOST:PORT/0, which keeps the ledger, for RabbitMQ; by default a ledger "
        "per process",
    ),
    Setting(
        key="vault",
        variable="CONVENER_VAULT",
        meaning="redis(s)://…, which keeps the keys of an encrypted history, for RabbitMQ; by "
        "default the history is in the clear",
    ),
    Setting(
        key="ca",
        variable="CONVENER_CA",
        meaning="file of the authority to trust for amqps:// and rediss://; by default the "
        "system's",
    ),
    Setting(
        key="certificate",
        variable="CONVENER_CERTIFICATE",
        meaning="file of our certificate, if a server asks for one",
    ),
    Setting(
        key="certificate_key",
        variable="CONVENER_CERTIFICATE_KEY",
        meaning="file of the key of our certificate",
    ),
    Setting(
        key="cache",
        variable="CONVENER_CACHE",
        meaning="folder for what can be made again, to be deleted at any time; by default in your "
        "cache directory",
    ),
    Setting(
        key="model",
        variable="CONVENER_MODEL",
        option="--model",
        meaning="openai:NAME; without it findings are explained by rule alone",
    ),
    Setting(variable="OPENAI_API_KEY", meaning="the key for the model", is_secret=True),
    Setting(
        key="base_url",
        variable="OPENAI_BASE_URL",
        meaning="http(s)://… of any server that speaks the protocol; by default OpenAI",
    ),
    Setting(
        key="prompts",
        variable="CONVENER_PROMPTS",
        meaning="folder of .md files that replace the built-in prompts",
    ),
    Setting(
        key="prices",
        meaning='a table per model, [prices."NAME"]: input, output, cached_input per million '
        "tokens; by default costs are not known",
    ),
    Setting(
        variable="CONVENER_CACHE_KEY",
        meaning="seals kept answers, the same on all machines; by default a key file per machine",
        is_secret=True,
    ),
    Setting(
        key="audit_heads",
        variable="CONVENER_AUDIT_HEADS",
        meaning="file for the heads of the audit; by default beside the bus file, or in your state "
        "directory",
    ),
    Setting(
        key="history.retention",
        variable="CONVENER_RETENTION",
        meaning="what is older, such as 90d, is erased by workers; by default nothing is",
    ),
    Setting(
        variable="CONVENER_PLAIN",
        option="--plain",
        meaning="anything: lines to be read aloud, without drawing, colour and tables",
    ),
    Setting(
        variable="CONVENER_KEY",
        meaning="file of the private key of this service, or of an issuer; by default, on this "
        "machine alone, a key of this user's own",
    ),
    Setting(
        variable="CONVENER_TOKEN",
        meaning="the token of whoever runs this process",
        is_secret=True,
    ),
    Setting(
        variable="CONVENER_TOKEN_FILE",
        meaning="a file with that token, read again when it changes",
    ),
    Setting(
        key="authority.audience",
        meaning="the `aud` of tokens for this bus; by default convener",
    ),
    Setting(key="authority.services", meaning="file with the public keys of all services"),
    Setting(
        key="authority.issuers",
        meaning="who issues people's tokens, [[authority.issuers]]: name, jwks, algorithms",
    ),
    Setting(
        key="authority.roles",
        meaning="a table of role = permissions: what the `roles` of people's tokens stand for",
    ),
    Setting(
        key="authority.agents",
        meaning='a table of role = permissions: what is passed on to an agent, "*" to the others',
    ),
    Setting(
        key="authority.datasets",
        meaning='a table of person = patterns: the data that they may be given, "*" everybody',
    ),
)


def keys(table: str = "") -> frozenset[str]:
    """The keys that the file may have at its top, or in `table`."""
    begin = f"{table}." if table else ""
    within = [each.key.removeprefix(begin) for each in SETTINGS if each.key.startswith(begin)]
    return frozenset(key.partition(".")[0] for key in within if key)


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are named like ours, but nothing reads, sorted."""
    known = {each.variable for each in SETTINGS}
    return tuple(
        sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    )
