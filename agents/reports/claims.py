"""What models say in a report: which claims are shown, and what they rest on.

*Guarantees*: a claim is never shown without its sources.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from agents.domain.claim import Claim, Measurement
from agents.domain.dispute import Position
from agents.domain.report import ReportPublished
from agents.domain.synthesis.wording import listed, shortened, speciality

TOP_NARRATIVE: Final = 5
"""How many claims across the specialities are shown unless asked for all."""

TOP_CLAIMS: Final = 2
"""How many claims of one specialist are shown unless asked for all."""

_TITLE: Final = 60
_CALL: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """What one specialist's model says, or with an empty `role` what is said across them.

    `claims` are texts with their sources. `left_out` counts those not shown; `dropped` is a
    sentence about those that did not stand, or empty.
    """

    role: str = ""
    claims: Sequence[tuple[str, str]]
    left_out: int
    dropped: str


class Sources:
    """The numbers of a report's findings, and the short names of what else may be cited.

    `visible` is how many findings, from the first on, the reader sees.
    """

    def __init__(self, report: ReportPublished, *, visible: int) -> None:
        self.is_numbered = has_claims(report)
        self._visible = visible
        self._findings = report.findings
        self._places: dict[str, int] = {}
        for place, finding in enumerate(report.findings):
            self._places[finding.id] = place
        for place, finding in enumerate(report.findings):
            for evidence in finding.evidence:
                # A merged finding keeps the evidence of the others under their names.
                self._places.setdefault(evidence.id, place)
                self._places.setdefault(evidence.id.rpartition(".")[0], place)
        self._all = {each.id: each for member in report.panel for each in member.measurements}

    def cited(self, cites: Iterable[str], measurements: Sequence[Measurement] = ()) -> str:
        """Such as "findings 1 and 3; profile(column=tailnum)".

        `measurements` are those of the one who speaks; without any, those of all are meant.
        """
        own: Mapping[str, Measurement] = {each.id: each for each in measurements} or self._all
        places, others = set(), []
        for id in cites:
            if id in own:
                others.append(_call(own[id]))
            elif id in self._places:
                places.add(self._places[id])
            else:
                others.append(shortened(id, _CALL))
        return "; ".join([*self._numbers(sorted(places)), *dict.fromkeys(others)])

    def _numbers(self, places: Sequence[int]) -> Sequence[str]:
        seen = [str(place + 1) for place in places if place < self._visible]
        noun = "finding" if len(seen) == 1 else "findings"
        return [
            *([f"{noun} {listed(seen, limit=8)}"] if seen else []),
            *(
                f"finding {place + 1}: {shortened(self._findings[place].title, _TITLE)}"
                for place in places
                if place >= self._visible
            ),
        ]


def has_claims(report: ReportPublished) -> bool:
    """Whether a model said anything that stood."""
    return bool(report.narrative) or any(member.claims for member in report.panel)


def narrative(report: ReportPublished, sources: Sources, *, show_all: bool) -> Voice:
    """What is said across the specialities."""
    return _voice("", report.narrative, report.dropped_claims, sources, (), TOP_NARRATIVE, show_all)


def voices(report: ReportPublished, sources: Sources, *, show_all: bool) -> Sequence[Voice]:
    """What is said in each speciality, of those in which something was said."""
    return [
        _voice(
            member.role,
            member.claims,
            member.dropped_claims,
            sources,
            member.measurements,
            TOP_CLAIMS,
            show_all,
        )
        for member in report.panel
        if member.claims or member.dropped_claims
    ]


def position_line(position: Position, sources: Sources) -> str:
    """Such as "security insists: It must be masked. (finding 2)"."""
    cited = sources.cited(position.cites) if sources.is_numbered else ""
    said = f": {position.text}" if position.text.strip() else ""
    return f"{speciality(position.role)} {position.stance}{said}{f' ({cited})' if cited else ''}"


def _voice(
    role: str,
    claims: Sequence[Claim],
    dropped: int,
    sources: Sources,
    measurements: Sequence[Measurement],
    most: int,
    show_all: bool,
) -> Voice:
    shown = claims if show_all else claims[:most]
    return Voice(
        role=role,
        claims=[(claim.text, sources.cited(claim.cites, measurements)) for claim in shown],
        left_out=len(claims) - len(shown),
        dropped=_dropped(dropped),
    )


def _dropped(number: int) -> str:
    if number == 0:
        return ""
    if number == 1:
        return "1 statement was dropped because what it cites does not exist or does not say so."
    return (
        f"{number:,} statements were dropped because what they cite does not exist or does not "
        "say so."
    )


def _call(measurement: Measurement) -> str:
    arguments = ", ".join(
        f"{name}={_argument(value)}" for name, value in measurement.arguments.items()
    )
    return shortened(f"{measurement.tool}({arguments})", _CALL)


def _argument(value: JsonValue) -> str:
    return value if isinstance(value, str) else str(value)
