"""`[authority]` in `convener.toml`, what the environment adds, and what comes of both."""

import asyncio
from pathlib import Path

import pytest

from agents.authority import open_authority, open_tokens
from agents.authority_settings import AuthoritySettings
from agents.errors import AgentUsageError
from agents.settings import Settings, load_settings
from bus.domain.authority import ANYBODY_TRUSTED, Principal
from bus.errors import UsageError
from bus.keyrings.jwk import make_private
from tests.support.clock import ManualClock
from tests.support.keys import ISSUER, write_private, write_set

WHOLE = """
bus = "amqp://u:p@broker.example/"

[authority]
audience = "panel"
services = "services.jwks"

[[authority.issuers]]
name = "https://people.example"
jwks = "https://people.example/keys"
algorithms = ["RS256"]

[[authority.issuers]]
name = "desk"
jwks = "desk.jwks"

[authority.roles]
analyst = ["read_data", "execute_queries"]

[authority.agents]
security = ["read_data"]
"*" = []

[authority.datasets]
ann = ["sales/*"]
"*" = ["public/*"]
"""


def settings(folder: Path, text: str = "", **environment: str) -> Settings:
    (folder / "convener.toml").write_text(text)
    return load_settings(environment=environment, folder=folder)


def test_everything_that_can_be_said_is_understood(tmp_path: Path) -> None:
    read = settings(tmp_path, WHOLE, CONVENER_KEY="k.key", CONVENER_TOKEN=" t \n").authority
    assert read.key == tmp_path / "k.key"
    assert read.token == "t"
    assert read.audience == "panel"
    assert read.services == tmp_path / "services.jwks"
    assert [(issuer.name, issuer.jwks) for issuer in read.issuers] == [
        ("https://people.example", "https://people.example/keys"),
        ("desk", tmp_path / "desk.jwks"),
    ]
    assert [issuer.algorithms[0] for issuer in read.issuers] == ["RS256", "EdDSA"]
    policy = read.policy
    assert policy.roles == {"analyst": {"read_data", "execute_queries"}}
    assert policy.agents == {"task.security": {"read_data"}}
    assert policy.agents_default == frozenset()
    assert policy.datasets == {"ann": ("sales/*",), "*": ("public/*",)}


def test_without_anything_no_key_is_named_and_nothing_is_withheld(tmp_path: Path) -> None:
    read = settings(tmp_path).authority
    assert read == AuthoritySettings()
    assert not read.names_keys
    assert read.policy.datasets is None


def test_no_secret_shows_in_the_representation(tmp_path: Path) -> None:
    assert "s3cret" not in repr(settings(tmp_path, CONVENER_TOKEN="s3cret"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("authority = 1", "'authority'"),
        ("[authority]\nissuer = 1", "unknown key 'authority.issuer'"),
        ("[authority]\nservices = ''", "'authority.services'"),
        ("[authority.roles]\na = ['fly']", "'fly' is no permission; use admin_operations"),
        ("[authority.agents]\na = 'read_data'", "'authority.agents.a'"),
        ("[authority.datasets]\nann = 'sales'", "'authority.datasets.ann'"),
        ("[[authority.issuers]]\nname = 'a'", "'authority.issuers.0.jwks'"),
        (
            "[[authority.issuers]]\nname = 'a'\njwks = 'b'\nalgorithms = ['HS256']",
            "'authority.issuers.0.algorithms.0'",
        ),
        (
            "[[authority.issuers]]\nname = 'a'\njwks = 'b'\nalgorithms = []",
            "'authority.issuers.0.algorithms'",
        ),
    ],
)
def test_what_cannot_be_understood_is_named_in_one_sentence(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(AgentUsageError) as refusal:
        settings(tmp_path, text)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_token_comes_from_one_place(tmp_path: Path) -> None:
    with pytest.raises(AgentUsageError, match="not both"):
        settings(tmp_path, CONVENER_TOKEN="a", CONVENER_TOKEN_FILE="b")


def test_a_bus_of_ones_own_needs_no_keys(tmp_path: Path) -> None:
    read = settings(tmp_path, CONVENER_BUS=f"sqlite:///{tmp_path}/bus.db")
    authority = open_authority(read, rules=ANYBODY_TRUSTED, clock=ManualClock())
    assert authority is not None
    own = open_tokens(read, clock=ManualClock()).own
    assert own is not None
    assert own.is_local
    assert (tmp_path / "bus.db.key").stat().st_mode & 0o777 == 0o600


def test_a_bus_of_ones_own_stays_that_wherever_other_keys_are_named(tmp_path: Path) -> None:
    read = settings(
        tmp_path, WHOLE, CONVENER_BUS=f"sqlite:///{tmp_path}/bus.db", CONVENER_KEY="none.key"
    )
    own = open_tokens(read, clock=ManualClock()).own
    assert own is not None
    assert own.is_local


def test_a_bus_elsewhere_without_keys_says_what_to_do(tmp_path: Path) -> None:
    for token in ("", "t"):
        read = settings(tmp_path, CONVENER_BUS="amqp://u:p@far.example/", CONVENER_TOKEN=token)
        with pytest.raises(AgentUsageError, match="`convener token key` makes the file"):
            open_authority(read, rules=ANYBODY_TRUSTED, clock=ManualClock())


@pytest.mark.parametrize("host", ["localhost", "far.example"])
def test_on_a_broker_with_keys_these_are_what_counts(tmp_path: Path, host: str) -> None:
    service, people = make_private("panel"), make_private("people")
    write_set(tmp_path / "services.jwks", {**service, "senders": ["*"], "kinds": ["task"]})
    write_set(tmp_path / "desk.jwks", people)
    text = (
        "[authority]\nservices = 'services.jwks'\n"
        f"[[authority.issuers]]\nname = '{ISSUER}'\njwks = 'desk.jwks'\n"
    )
    clock, bus = ManualClock(), f"amqp://u:p@{host}/"
    key = write_private(tmp_path / "panel.key", service)
    worker = settings(tmp_path, text, CONVENER_BUS=bus, CONVENER_KEY=str(key))
    tokens = open_tokens(worker, clock=clock)
    assert tokens.own is not None
    assert not tokens.own.is_local
    desk_key = write_private(tmp_path / "desk.key", {**people, "issuer": ISSUER})
    desk = settings(tmp_path, text, CONVENER_BUS=bus, CONVENER_KEY=str(desk_key))
    issued = open_tokens(desk, clock=clock).access(
        Principal(subject="ann", scopes=frozenset({"read_data"})), lifetime=60
    )
    claims = asyncio.run(tokens.verify(issued, topic="t", digest=""))
    assert claims.principal.subject == "ann"


def test_a_file_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    read = settings(tmp_path, WHOLE)
    with pytest.raises(UsageError, match=r"services\.jwks cannot be read"):
        open_tokens(read, clock=ManualClock())
