"""Secrets and passwords: each form is known, and what only looks like one is not."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from agents.specialists.security.specialist import SECURITY_AUDITOR
from agents.tools.masking import masked
from agents.tools.secret_patterns import SECRET_PATTERNS
from tests.support.examination import findings_of
from tests.support.small_tables import of, offenders, write

LETTERS = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6" * 2
HEX = "0123456789abcdef" * 8

SECRETS = {
    "AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS secret key": "aws_secret_access_key = " + LETTERS[:40],
    "Google API key": "AIza" + LETTERS[:35],
    "Google OAuth secret": "GOCSPX-" + LETTERS[:28],
    "GitHub token": "ghp_" + LETTERS[:36],
    "GitLab token": "glpat-" + LETTERS[:20],
    "Slack token": "xoxb-" + "123456789012-" + LETTERS[:24],
    "Slack webhook": "https://hooks.slack.com/services/T0000/B0000/" + LETTERS[:24],
    "Discord webhook": "https://discord.com/api/webhooks/123456789012345678/" + LETTERS[:68],
    "Stripe key": "sk_live_" + LETTERS[:24],
    "Anthropic key": "sk-ant-" + "api03-" + LETTERS[:80],
    "OpenAI key": "sk-proj-" + LETTERS[:48],
    "Hugging Face token": "hf_" + LETTERS[:34],
    "Twilio key": "SK" + HEX[:32],
    "SendGrid key": "SG." + LETTERS[:22] + "." + LETTERS[:43],
    "Mailgun key": "key-" + HEX[:32],
    "Mailchimp key": HEX[:32] + "-us12",
    "Telegram bot token": "123456789:AA" + LETTERS[:33],
    "Shopify token": "shpat_" + HEX[:32],
    "DigitalOcean token": "dop_v1_" + HEX[:64],
    "Databricks token": "dapi" + HEX[:32],
    "npm token": "npm_" + LETTERS[:36],
    "PyPI token": "pypi-AgEIcHlwaS5vcmc" + LETTERS[:60],
    "Azure storage key": "AccountName=x;AccountKey=" + LETTERS[:86] + "==",
    "JSON web token": "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:20] + "." + LETTERS[:30],
    "private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "age key": "AGE-SECRET-KEY-1" + "Q" * 58,
    "basic authorisation": "Authorization: Basic " + LETTERS[:20] + "==",
    "connection string with a password": "Server=db;Database=main;User Id=app;Password=s3cr3t!;",
    "URL with a password": "https://app:s3cr3t@db.example.org/main",
}


def test_there_is_an_example_of_every_kind() -> None:
    assert set(SECRETS) == set(SECRET_PATTERNS)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_told_as_what_it_is_and_never_shown(kind: str) -> None:
    secret = SECRETS[kind]
    text = f"export TOKEN={secret} # note"
    assert [each for each, pattern in SECRET_PATTERNS.items() if re.search(pattern, text)] == [kind]
    assert secret not in masked(text)
    assert secret[-12:] not in masked(text)


async def test_one_kind_of_secret_in_a_column_is_one_finding(tmp_path: Path) -> None:
    rows = [[f"line {n}"] for n in range(60)] + [[secret] for secret in SECRETS.values()]
    findings = await findings_of(
        SECURITY_AUDITOR, write(tmp_path / "t.csv", ["config"], rows), cache=tmp_path
    )
    assert len([each for each in findings if each.category == "secret"]) == len(SECRETS)
    said = " ".join(finding.model_dump_json() for finding in findings)
    assert not [secret for secret in SECRETS.values() if secret in said]


@pytest.mark.parametrize(
    "values",
    [
        [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(40)],
        [f"{n:040x}" for n in range(40)],
        [f"SK-2024-{n:04}-BLUE-LARGE-COTTON" for n in range(40)],
        [f"sk-{n:04}-{n:04}-{n:04}-{n:04}-blue" for n in range(40)],
        [f"ORD-{n:016}" for n in range(40)],
        [f"https://example.org:8080/page/{n}?next=a@b" for n in range(40)],
        [f"postgres://app:****@db.example.org/{n}" for n in range(40)],
        [f"https://user:$PASSWORD@example.org/{n}" for n in range(40)],
        [f"Password policy {n}: change it often; server rooms stay locked" for n in range(40)],
        [f"N{n}MQ is an aircraft registration" for n in range(100, 140)],
    ],
)
async def test_what_only_looks_like_a_secret_is_left_alone(
    tmp_path: Path, values: Sequence[str]
) -> None:
    file = write(tmp_path / "t.csv", ["v"], [[value] for value in values])
    assert await findings_of(SECURITY_AUDITOR, file, cache=tmp_path) == ()


WEAK = {
    "MD5 or NTLM": HEX[:32],
    "SHA-1": HEX[:40],
    "SHA-256": HEX[:64],
    "SHA-512": HEX[:128],
    "salted MD5": HEX[:32] + ":x7Gs",
    "MySQL": "*" + HEX[:40].upper(),
    "LDAP": "{SSHA}" + LETTERS[:32],
    "PostgreSQL": "md5" + HEX[:32],
    "md5-crypt": "$1$abcdefgh$" + LETTERS[:22],
    "DES crypt": "rl.3StKT.4T8M",
}
STRONG = {
    "bcrypt": "$2b$12$" + "a" * 53,
    "Argon2": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$" + LETTERS[:43],
    "scrypt": "$scrypt$ln=16,r=8,p=1$c2FsdA$" + LETTERS[:43],
    "PBKDF2": "pbkdf2_sha256$600000$salt$" + LETTERS[:44],
    "sha512-crypt": "$6$rounds=656000$salt$" + LETTERS[:86],
    "SCRAM": "SCRAM-SHA-256$4096:c2FsdA==$" + LETTERS[:44] + ":" + LETTERS[:44],
}


@pytest.mark.parametrize("form", WEAK)
async def test_fast_hashes_are_weak(tmp_path: Path, form: str) -> None:
    file = write(tmp_path / "t.csv", ["user", "password_hash"], [[n, WEAK[form]] for n in range(9)])
    (finding,) = await findings_of(SECURITY_AUDITOR, file, cache=tmp_path)
    assert (finding.category, finding.rows) == ("weak_hash", 9)
    assert len(await offenders(finding, file, tmp_path)) == 9


@pytest.mark.parametrize("form", STRONG)
async def test_slow_hashes_are_no_finding(tmp_path: Path, form: str) -> None:
    file = write(tmp_path / "t.csv", ["user", "password"], [[n, STRONG[form]] for n in range(9)])
    assert await findings_of(SECURITY_AUDITOR, file, cache=tmp_path) == ()


@pytest.mark.parametrize("taken_out", ["********", "[REDACTED]", "true", "n/a", "!"])
async def test_passwords_that_were_taken_out_are_no_finding(tmp_path: Path, taken_out: str) -> None:
    file = write(tmp_path / "t.csv", ["user", "password"], [[n, taken_out] for n in range(9)])
    assert await findings_of(SECURITY_AUDITOR, file, cache=tmp_path) == ()


async def test_a_few_plain_passwords_among_hashes_are_found(tmp_path: Path) -> None:
    rows = [[n, STRONG["bcrypt"]] for n in range(95)] + [[n, "123456"] for n in range(3)]
    file = write(tmp_path / "t.csv", ["user", "passwd"], [*rows, [98, "Tr0ub4dor&3"], [99, ""]])
    (finding,) = await findings_of(SECURITY_AUDITOR, file, cache=tmp_path)
    assert (finding.category, finding.severity, finding.rows) == (
        "plaintext_password",
        "critical",
        4,
    )
    assert "3 of them among those that are tried first" in finding.title
    shown = await offenders(finding, file, tmp_path)
    assert sorted(shown) == sorted([(n, "1*******") for n in (95, 96, 97)] * 2 + [(98, "T*******")])


async def test_common_passwords_betray_a_column_of_any_name(tmp_path: Path) -> None:
    common = ["123456", "qwerty", "letmein", "iloveyou", "dragon", "monkey"]
    rows = [[n, common[n // 2 % 6] if n % 2 else f"Zq{n}!k"] for n in range(20)]
    file = write(tmp_path / "t.csv", ["user", "phrase"], rows)
    finding = of(
        await findings_of(SECURITY_AUDITOR, file, cache=tmp_path), "plaintext_password", "phrase"
    )
    assert finding.confidence < 0.8
