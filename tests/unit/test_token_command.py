"""`convener token`: keys for a shared bus, and what is said when it is asked for what cannot be."""

import json
from pathlib import Path

import pytest

from agents.cli.main import _run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONVENER_KEY", "CONVENER_TOKEN", "CONVENER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONVENER_BUS", f"sqlite:///{tmp_path}/bus.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = _run(["token", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_keys_for_a_shared_bus_are_made_used_replaced_and_dropped(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVENER_BUS", "amqp://u:p@far.example/")
    code, out, _ = ran(capsys, "key", "panel", "--sender", "*", "--kind", "task")
    assert (code, out) == (0, "")
    assert (here / "panel.key").stat().st_mode & 0o777 == 0o600
    code, out, told = ran(capsys, "key", "desk", "--issuer", "https://desk.example")
    assert (code, out) == (0, "")
    (here / "convener.toml").write_text(
        f'[authority]\nservices = "services.jwks"\n{told[told.index("[[authority") :]}'
    )

    monkeypatch.setenv("CONVENER_KEY", "desk.key")
    code, token, _ = ran(capsys, "issue", "--subject", "ann", "--for", "8h", "--role", "analyst")
    assert code == 0
    monkeypatch.setenv("CONVENER_TOKEN", token)
    for signing_with in ("desk.key", "panel.key"):
        monkeypatch.setenv("CONVENER_KEY", signing_with)
        code, shown, _ = ran(capsys, "inspect")
        assert code == 0
        assert shown.startswith('valid: signed by "https://desk.example" with the key "desk"')
    code, _, error = ran(capsys, "issue", "--subject", "ann")
    assert code == 2
    assert "signed by an issuer" in error

    assert ran(capsys, "key", "panel-2", "--sender", "*")[0] == 0
    assert ran(capsys, "drop", "panel")[0] == 0
    kept = json.loads((here / "services.jwks").read_text())["keys"]
    assert [key["kid"] for key in kept] == ["panel-2"]
    code, _, error = ran(capsys, "inspect")
    assert code == 2
    assert "nobody would trust it" in error


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("issue --subject ann --scope read_data,fly", "'fly' is no permission"),
        ("issue --subject ann --for 25h", "at most 24h"),
        ("issue --subject ann --for soon", "no lifetime"),
        ("issue --subject", "requires an argument"),
        ("inspect", "Give a token"),
        ("inspect abc", "cannot be read"),
        ("key ../panel", "cannot name a key"),
        ("key desk --issuer convener:services", "does not begin with 'convener:'"),
        ("key desk --issuer desk --kind task", "keys of services"),
        ("drop nobody", "no key named 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: str, complaint: str
) -> None:
    code, out, error = ran(capsys, *arguments.split())
    assert code in (2, 4)
    assert complaint in error
    assert out == ""
    assert not [path for path in here.iterdir() if path.suffix != ".key"]
