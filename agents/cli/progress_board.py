"""What is known of a running request: one line per role, one for all of them, or sentences.

*Not here*: where it is shown; that is in `agents.cli.progress`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size

from agents.cli.wrapped import cropped
from agents.domain.report import MemberStatus, ReportPublished
from agents.domain.role import ORCHESTRATOR
from agents.domain.synthesis.wording import counted, listed, speciality
from agents.domain.task import Phase, TaskProgressed
from agents.reports.plain import plain

ENDED: Final[frozenset[Phase]] = frozenset({"done", "failed", "missing"})

_WORDS: Final[dict[Phase, str]] = {
    "queued": "waiting",
    "assigned": "queued",
    "reading": "reading the data",
    "checking": "checking",
    "asking": "asking the model",
    "done": "done",
    "failed": "failed",
    "missing": "missing",
}
_VERBS: Final[dict[Phase, str]] = {
    "done": "is done",
    "failed": "failed",
    "missing": "is missing",
}
_PHASES: Final[dict[MemberStatus, Phase]] = {
    "completed": "done",
    "failed": "failed",
    "missing": "missing",
}
_GAP: Final = "  "
_WIDEST_NAME: Final = 24
_TIME_WIDTH: Final = 7
_TEXT: Final = 160
"""Characters of what a role says that are shown at the most."""


@dataclass(slots=True, kw_only=True)
class _Seat:
    """What was last heard of one role; `ended_at` is None while it works."""

    phase: Phase = "queued"
    text: str = ""
    findings: int = 0
    ended_at: float | None = None

    @property
    def sentence(self) -> str:
        words = _WORDS[self.phase]
        text = plain(self.text, _TEXT)
        if self.phase == "done" and not text:
            return f"{words}, {found(self.findings)}"
        if self.phase == "checking" and self.findings:
            words = f"{words}, {self.findings:,} found"
        return f"{words}: {text}" if text else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the board: who, since when in seconds, and what about it."""

    name: str
    seconds: float
    text: str
    phase: Phase | None = None

    def cells(self, names: int, width: int) -> tuple[str, str, str]:
        """Its three parts, the first in `names` cells, all of them within `width`."""
        name = set_cell_size(cropped(self.name, names), names)
        time = f"{clock(self.seconds):>{_TIME_WIDTH}}"
        room = width - cell_len(f"{name}{time}") - 2 * len(_GAP)
        if room < len(_GAP):  # so narrow that only who is left
            return cropped(self.name, width), "", ""
        return name, f"{_GAP}{time}", f"{_GAP}{cropped(self.text, room)}"


class Board:
    """What was last heard of each role; instants are seconds of one monotonic clock."""

    def __init__(self, roles: Sequence[str], *, now: float) -> None:
        self._began = now
        self._seats = {role: _Seat() for role in roles}
        self._orchestrator: str = ""

    def hear(self, progressed: TaskProgressed, *, now: float) -> None:
        """Note what a role, or the orchestrator, says it is doing."""
        if progressed.role == ORCHESTRATOR:
            self._orchestrator = plain(progressed.text, _TEXT)
            return
        ended = progressed.phase in ENDED
        seat = self._seats.setdefault(progressed.role, _Seat())
        is_result = progressed.phase == "done" and not progressed.text
        # What is said on the way, or in a further round, is no less than what was found before.
        findings = progressed.findings if is_result else max(seat.findings, progressed.findings)
        self._seats[progressed.role] = _Seat(
            phase=progressed.phase,
            text=progressed.text,
            findings=findings,
            ended_at=now if ended else None,
        )

    def catch_up(self, report: ReportPublished, *, now: float) -> Sequence[str]:
        """Note how `report` says that roles ended whose word did not arrive; those roles."""
        reasons = {each.role: each.reason for each in report.missing}
        unheard = []
        for member in report.panel:
            seat = self._seats.get(member.role)
            if seat is None or seat.ended_at is not None:
                continue
            unheard.append(member.role)
            self._seats[member.role] = _Seat(
                phase=_PHASES[member.status],
                text=reasons.get(member.role, ""),
                findings=member.findings,
                ended_at=now,
            )
        return unheard

    def knows(self, role: str) -> bool:
        """Whether `role` has a line of its own."""
        return role in self._seats

    def seconds(self, now: float) -> float:
        """How long the request has been waited for."""
        return now - self._began

    def lines(self, now: float, *, most: int) -> Sequence[Line]:
        """A line per role and one for all, at most `most`: who has ended is left out first."""
        seats = list(self._seats.items())
        if len(seats) + 1 > most:
            seats.sort(key=lambda each: each[1].ended_at is not None)
            seats = seats[: max(most - 1, 0)]
        return [
            *(
                Line(
                    name=speciality(role),
                    seconds=(now if seat.ended_at is None else seat.ended_at) - self._began,
                    text=seat.sentence,
                    phase=seat.phase,
                )
                for role, seat in seats
            ),
            Line(name="in all", seconds=self.seconds(now), text=self.summary()),
        ]

    def summary(self) -> str:
        """How far all of them are, and what was found so far."""
        phases = [seat.phase for seat in self._seats.values()]
        if all(phase == "queued" for phase in phases):
            return "waiting for the plan of the orchestrator"
        done, lost = phases.count("done"), phases.count("failed") + phases.count("missing")
        so_far = found(sum(seat.findings for seat in self._seats.values()))
        failed = f", {lost} failed" if lost else ""
        if done + lost < len(phases):
            return f"{done} of {len(phases)} done{failed}, {so_far} so far"
        doing = f": {self._orchestrator}" if self._orchestrator else ""
        return f"{done} of {len(phases)} done{failed}, {so_far}; the report is being made{doing}"

    def told(self, role: str, now: float) -> str:
        """How `role` ended, as a sentence."""
        seat = self._seats[role]
        begun = (
            f"{_capital(speciality(role))} {_VERBS[seat.phase]} after {clock(self.seconds(now))}"
        )
        return _sentence(begun, plain(seat.text, _TEXT) or _own_result(seat))

    def still(self, now: float) -> str:
        """What goes on, as a sentence."""
        doing = [
            f"{speciality(role)} is {seat.sentence}"
            for role, seat in self._seats.items()
            if seat.ended_at is None and seat.phase != "queued"
        ]
        return _sentence(f"After {clock(self.seconds(now))}", "; ".join(doing) or self.summary())

    def opening(self, request_id: str) -> str:
        """Who was asked under which id, as a sentence."""
        names = listed(map(speciality, self._seats), limit=len(self._seats) + 1)
        return f"Request {request_id} is put to {names}."


def found(findings: int) -> str:
    """Such as "no findings" or "7 findings"."""
    return counted(findings, "finding") if findings else "no findings"


def clock(seconds: float) -> str:
    """Such as "4.2 s" or "312 s"."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _own_result(seat: _Seat) -> str:
    return found(seat.findings) if seat.phase == "done" else ""


def _sentence(begun: str, what: str) -> str:
    return f"{begun}: {what.removesuffix('.')}." if what else f"{begun}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def name_width(lines: Sequence[Line]) -> int:
    """Cells that the names of `lines` take, up to a limit."""
    return min(_WIDEST_NAME, max((cell_len(line.name) for line in lines), default=0))
