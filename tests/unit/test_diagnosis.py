"""Verdicts: how checks are asked, what figures mean, and how it is all written."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agents.authority import open_tokens
from agents.authority_settings import AuthoritySettings
from agents.builtin import builtin_panel
from agents.cli.verdicts import write_answers
from agents.diagnosis import installation, language_model, places, trust
from agents.diagnosis.roles import builtin_roles
from agents.diagnosis.work import judged_workers
from agents.models.openai_probe import Listing
from agents.settings import Settings
from bus import Principal, SystemClock
from bus.diagnosis.aside import aside
from bus.diagnosis.broker import judged_version
from bus.diagnosis.bus_file import BusFile
from bus.diagnosis.bus_under_diagnosis import QueueState
from bus.diagnosis.check import Answer, Check, Verdict, diagnose, failed, fine, noted, warned
from bus.diagnosis.mounts import kind_in
from bus.diagnosis.redis import judged_persistence, judged_skew
from bus.errors import UnreachableError
from bus.keyring import Key
from bus.sqlite.inspection import is_sound


def settings(folder: Path, **given: object) -> Settings:
    chosen: dict[str, object] = {
        "bus_url": f"sqlite:///{folder}/bus.db",
        "roots": {"data": folder},
        "cache": folder / "cache",
    }
    return Settings(**{**chosen, **given})


def check(name: str, verdict: Verdict, *, needs: str = "") -> Check:
    async def probe() -> Verdict:
        return verdict

    return Check(name=name, probe=probe, needs=needs)


def statuses(answers: Sequence[Answer]) -> dict[str, str]:
    return {answer.name: answer.verdict.status for answer in answers}


async def test_what_rests_on_something_that_failed_is_not_asked_and_says_why() -> None:
    async def never() -> Verdict:
        raise AssertionError

    answers = await diagnose(
        [
            check("bus", failed("It is gone.")),
            Check(name="queues", probe=never, needs="bus"),
            Check(name="recorder", probe=never, needs="queues"),
            check("cache", fine("It is there.")),
        ]
    )
    assert statuses(answers) == {
        "bus": "failed",
        "queues": "skipped",
        "recorder": "skipped",
        "cache": "ok",
    }
    assert answers[2].verdict.what == "Not examined, because bus failed."


async def test_a_warning_keeps_nobody_from_being_asked() -> None:
    answers = await diagnose(
        [check("bus", warned("Slow.", "Move.")), check("queues", fine("There."), needs="bus")]
    )
    assert statuses(answers) == {"bus": "warning", "queues": "ok"}


async def test_checks_are_asked_at_the_same_time() -> None:
    meeting = asyncio.Barrier(3)

    async def probe() -> Verdict:
        await meeting.wait()
        return fine("We met.")

    answers = await diagnose([Check(name=name, probe=probe) for name in "abc"])
    assert set(statuses(answers).values()) == {"ok"}


async def test_a_check_that_does_not_end_fails_in_its_time() -> None:
    async def probe() -> Verdict:
        await asyncio.Event().wait()
        return fine("Never.")

    (answer,) = await diagnose([Check(name="bus", probe=probe, timeout=0.01)])
    assert answer.verdict == failed("There was no answer within 0.01 s.")


async def test_an_error_of_the_bus_or_the_system_is_a_verdict() -> None:
    async def unreachable() -> Verdict:
        raise UnreachableError("Nothing listens there.")

    async def missing() -> Verdict:
        raise FileNotFoundError(2, "No such file or directory", "/nowhere")

    answers = await diagnose(
        [Check(name="bus", probe=unreachable), Check(name="data", probe=missing)]
    )
    assert [answer.verdict.what for answer in answers] == [
        "Nothing listens there.",
        "/nowhere: No such file or directory.",
    ]


@pytest.mark.parametrize(
    ("product", "version", "status"),
    [
        ("RabbitMQ", "4.1.2", "ok"),
        ("RabbitMQ", "4.0.0-rc.1", "ok"),
        ("RabbitMQ", "3.13.7", "note"),
        ("RabbitMQ", "3.10.0", "note"),
        ("RabbitMQ", "3.9.29", "failed"),
        ("RabbitMQ", "", "warning"),
        ("LavinMQ", "2.1.0", "warning"),
        ("", "", "warning"),
    ],
)
def test_a_broker_is_judged_by_its_version(product: str, version: str, status: str) -> None:
    assert judged_version(product, version).status == status


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 54, 0), True),
    ],
)
def test_an_sqlite_with_the_fault_of_the_log_is_known(
    version: tuple[int, int, int], sound: bool
) -> None:
    assert is_sound(version) is sound


@pytest.mark.parametrize(
    ("info", "status"),
    [
        ({"aof_enabled": 1, "maxmemory_policy": "noeviction", "maxmemory": 10**9}, "ok"),
        ({"aof_enabled": 0, "maxmemory_policy": "noeviction"}, "failed"),
        ({"aof_enabled": 1, "maxmemory_policy": "allkeys-lru", "maxmemory": 10**9}, "failed"),
        ({"aof_enabled": 1, "maxmemory_policy": "allkeys-lru", "maxmemory": 0}, "warning"),
        (
            {"aof_enabled": 1, "maxmemory_policy": "noeviction", "aof_last_write_status": "err"},
            "failed",
        ),
        ({}, "failed"),
    ],
)
def test_a_redis_is_judged_by_what_it_keeps(info: dict[str, object], status: str) -> None:
    assert judged_persistence(info).status == status


@pytest.mark.parametrize(
    ("seconds", "status"), [(0.2, "ok"), (-4.9, "ok"), (30.0, "failed"), (-30.0, "failed")]
)
def test_a_clock_that_is_far_off_is_found(seconds: float, status: str) -> None:
    assert judged_skew(seconds).status == status


MOUNTS = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 21 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw
36 35 0:41 / /home/ann/local rw - ext4 /dev/sdb1 rw
37 21 0:42 / /with\040space rw - cifs //server/share rw
38 21 0:43 / /again rw - ext4 /dev/sdc1 rw
39 21 0:44 / /again rw - nfs server:/again rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/bus", "ext4"),
        ("/home/ann", "nfs4"),
        ("/homeless", "ext4"),
        ("/home/ann/local/bus", "ext4"),
        ("/with space/bus", "cifs"),
        ("/again", "nfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_innermost_mount(path: str, kind: str) -> None:
    assert kind_in(MOUNTS.strip(), Path(path)) == kind


def test_roles_are_judged_by_who_serves_them_and_what_waits() -> None:
    def judged(*, is_embedded: bool = False, **states: QueueState | None) -> str:
        return judged_workers(states, is_embedded=is_embedded).status

    idle = QueueState(consumers=1, waiting=0)
    gone = QueueState(consumers=0, waiting=0)
    stuck = QueueState(consumers=0, waiting=2, oldest=3.0)
    assert judged(orchestrator=idle, security=idle) == "ok"
    assert judged(orchestrator=idle, security=gone) == "warning"
    assert judged(orchestrator=gone, security=None) == "warning"
    assert judged(orchestrator=gone, security=None, is_embedded=True) == "note"
    assert judged(orchestrator=stuck, security=None, is_embedded=True) == "warning"
    assert judged(security=QueueState(consumers=1, waiting=1, oldest=61.0)) == "warning"
    assert judged(security=QueueState(consumers=1, waiting=1, oldest=1.0)) == "ok"
    assert judged(security=QueueState(consumers=1, waiting=1_000)) == "warning"


def test_the_built_in_roles_are_those_of_the_panel() -> None:
    assert set(builtin_roles()) == set(builtin_panel().roles)


@pytest.mark.parametrize(
    ("status", "models", "verdict"),
    [
        (200, {"m", "n"}, "ok"),
        (200, {"n"}, "warning"),
        (200, (), "ok"),
        (401, (), "failed"),
        (403, (), "failed"),
        (404, (), "note"),
        (429, (), "warning"),
        (503, (), "warning"),
    ],
)
def test_a_model_is_judged_by_what_its_server_lists(
    status: int, models: set[str], verdict: str
) -> None:
    listing = Listing(status=status, models=models)
    assert language_model.judged_listing("openai:m", listing).status == verdict


async def test_without_a_model_that_is_noted_and_without_a_key_it_fails(tmp_path: Path) -> None:
    assert (await language_model.judged(settings(tmp_path))).status == "note"
    verdict = await language_model.judged(settings(tmp_path, model="openai:m"))
    assert verdict.status == "failed"
    assert "OPENAI_API_KEY" in verdict.remedy


def test_a_key_is_judged_by_the_roles_that_it_covers() -> None:
    def key(*senders: str, kinds: frozenset[str]) -> Key:
        return Key(
            kid="k", issuer="i", algorithm="EdDSA", material=None, kinds=kinds, senders=senders
        )

    def judged(own: Key | None, **given: str) -> Verdict:
        return trust.judged_key(own, ("business", "security"), AuthoritySettings(**given))

    both = frozenset({"message", "task"})
    assert judged(key("*", kinds=both)) == fine(
        "The key k may serve orchestrator, business, security."
    )
    only = judged(key("security", "orchestrator", kinds=frozenset({"message"})))
    assert only == fine("The key k may serve security.")
    assert judged(key("geography", kinds=both)).status == "note"
    assert judged(None).status == "warning"
    assert judged(None, token="t").status == "ok"


@pytest.mark.parametrize(("lifetime", "status"), [(3600.0, "ok"), (90.0, "warning")])
async def test_a_token_is_judged_by_how_long_it_holds(
    tmp_path: Path, lifetime: float, status: str
) -> None:
    clock = SystemClock()
    own = await aside(lambda: open_tokens(settings(tmp_path), clock=clock))
    ann = Principal(subject="ann", scopes=frozenset({"read_data"}))
    token = own.access(ann, lifetime=lifetime)
    given = settings(tmp_path, authority=AuthoritySettings(token=token))
    answers = await diagnose(trust.checks(given, ("security",), clock=clock))
    assert statuses(answers) == {"keys": "ok", "token": status}
    assert "The token of ann holds for another" in answers[1].verdict.what
    assert token not in str(answers)


def test_data_roots_and_cache_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    roots = {"data": tmp_path, "old": tmp_path / "gone", "odd": tmp_path / "file"}
    verdict = places.judged_roots(settings(tmp_path, roots=roots))
    assert verdict.status == "failed"
    assert f"old={tmp_path}/gone does not exist; odd={tmp_path}/file is no folder" in verdict.what
    assert places.judged_roots(settings(tmp_path)).status == "ok"
    assert places.judged_cache(tmp_path / "file" / "cache").status == "failed"
    assert places.judged_cache(tmp_path / "cache").status in ("ok", "warning")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_root_that_may_not_be_read_is_found(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    verdict = places.judged_roots(settings(tmp_path, roots={"c": tmp_path / "closed"}))
    assert "may not be read by this user" in verdict.what


def test_a_package_that_is_required_is_told_from_an_optional_one() -> None:
    wanted = ["click>=8.5,<9", "pyjwt[crypto]>=2.15", 'psycopg[binary]>=3; extra == "postgres"']
    assert installation.required(wanted) == ["click", "pyjwt"]


def test_openai_agents_beside_ours_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    verdict = installation.judged_packages()
    assert verdict.status == "failed"
    assert "openai-agents is installed too" in verdict.what
    assert "pip uninstall openai-agents" in verdict.remedy


def installed(folder: Path) -> None:
    """What an installer leaves of a package in `folder`."""
    information = folder / "openai_agents-0.9.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: openai-agents\nVersion: 1")
    (information / "RECORD").write_text("agents/__init__.py,,\nagents/tool.py,,\n")


async def test_the_embedded_bus_tells_who_waits(tmp_path: Path) -> None:
    file = BusFile(f"sqlite:///{tmp_path}/bus.db")
    try:
        answers = await diagnose(file.checks())
        assert statuses(answers)["bus"] == "ok"
        assert statuses(answers)["bus disk"] in ("ok", "warning")
        assert await file.queue("orchestrator") is None
        assert await file.parked() == 0
    finally:
        await file.aclose()


async def test_a_bus_file_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "bus.db").write_text("This is no database, however long it may be. " * 40)
    file = BusFile(f"sqlite:///{tmp_path}/bus.db")
    answers = await diagnose(file.checks())
    assert answers[0].verdict.status == "failed"
    assert "is not a bus file" in answers[0].verdict.what


ANSWERS = (
    Answer(name="bus", verdict=fine("It answers.")),
    Answer(name="model", verdict=noted("No model is set.")),
    Answer(name="redis keeps", verdict=warned("It keeps nothing.", "Set appendonly.")),
    Answer(name="a", verdict=Verdict(status="skipped", what="Not examined, because x failed.")),
    Answer(name="b", verdict=Verdict(status="skipped", what="Not examined, because x failed.")),
)


def test_answers_are_written_in_aligned_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_answers(ANSWERS, form="text") == 0
    assert capsys.readouterr().out == (
        "✓ ok       bus          It answers.\n"
        "· note     model        No model is set.\n"
        "! warning  redis keeps  It keeps nothing.\n"
        "                        > Set appendonly.\n"
        "- skipped               Not examined, because x failed: a, b.\n"
        "\n"
        "1 fine, 1 noted, 1 to look at, 2 not examined.\n"
    )


def test_answers_are_written_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    answers = (*ANSWERS, Answer(name="x", verdict=failed("Gone.", "Start it.")))
    assert write_answers(answers, form="json") == 1
    written = json.loads(capsys.readouterr().out)
    assert written["status"] == "failed"
    assert written["checks"][-1] == {
        "name": "x",
        "status": "failed",
        "what": "Gone.",
        "remedy": "Start it.",
    }
