"""`convener token` as processes: what it prints, and what it exits with."""

import re
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.timeout(240)


async def test_a_token_of_ones_own_bus_is_issued_and_looked_at(tmp_path: Path) -> None:
    convener = CommandLine(home=tmp_path, folder=tmp_path)
    issued = await convener.run(
        "token", "issue", "--subject", "ann", "--scope", "read_data", "--dataset", "sales/*"
    )
    assert issued.code == 0, issued.err
    token = issued.out.strip()
    assert issued.out == f"{token}\n"
    assert issued.err == ""
    seen = await convener.run("token", "inspect", "-", stdin=issued.out.encode())
    assert seen.code == 0, seen.err
    assert seen.out.startswith('valid: signed by "convener:local"')
    assert '"sub": "ann"' in seen.out
    assert re.search(r"ends in (1 h 0 min 0 s|0 h 59 min \d+ s)\n", seen.out)
    assert token.rpartition(".")[2] not in seen.out
    (tmp_path / "token").write_text(token[:-6] + "AAAAAA")
    convener.environment["CONVENER_TOKEN_FILE"] = "token"
    seen = await convener.run("token", "inspect")
    assert seen.code == 4
    assert seen.out.startswith("not valid: ")
