"""What `convener history forget` and `prune` refuse, in one sentence."""

import io
from pathlib import Path

import pytest

from agents.cli.main import _run


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["forget"], "--request ID, or --subject NAME"),
        (["forget", "--request", "a", "--subject", "b"], "--request ID, or --subject NAME"),
        (["forget", "--request", "nothing", "--yes"], "No request has the id 'nothing'"),
        (["prune", "--older-than", "soon"], "'soon' is no duration"),
        (["prune", "--older-than", "5m", "--yes"], "say 1h"),
        (["prune", "--older-than", "90d"], "say --yes"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("CONVENER_BUS", "CONVENER_REDIS", "CONVENER_RETENTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert _run(["--bus", f"sqlite:///{tmp_path}/bus.db", "history", *arguments]) == 2
    assert complaint in capsys.readouterr().err
