"""Claims: what a model says about the data, held to what it cites.

*Guarantees*: a claim that is kept cites at least one thing, all that it cites exists, and every
figure in it stands in what it cites or in what was asked.

*Not here*: whether the claim is wise. Its sources are shown with it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, TypeVar

from pydantic import JsonValue

from agents.domain.finding import Finding, Part

MAX_CLAIM: Final = 1_000
"""Characters of one claim."""

MAX_CITES: Final = 40
"""Ids that one claim may cite."""

SMALL: Final = 12
"""Whole numbers up to this one count things in a sentence and need no source."""

_NUMBER: Final = re.compile(r"(?<![\w.])[-+]?(\d[\d,]*(?:\.\d+)?)(\s?%|\s?(?:percent|per cent))?")
_SCALES: Final = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
_SCALE: Final = re.compile(r"\s?(k|m|bn|thousand|million|billion)\b", re.IGNORECASE)

Flaw: TypeAlias = Literal["no_citation", "unknown_citation", "unsupported_figure", "too_long"]


class Claim(Part):
    """One statement and the ids of findings, evidence or measurements that it rests on."""

    text: str
    cites: tuple[str, ...]


class Measurement(Part):
    """What a tool answered when a model called it; `result` is its JSON, shortened."""

    id: str
    tool: str
    arguments: dict[str, JsonValue]
    result: str


class Grounds:
    """What may be cited: ids, each with the text in which its figures stand.

    `background` is what needs no citation: the question, the size of the data.
    """

    def __init__(self, background: str = "") -> None:
        self._background = frozenset(_numbers(background))
        self._numbers: dict[str, frozenset[float]] = {}

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """A finding is cited by its own id or that of one of its evidence."""
        for finding in findings:
            text = f"{finding.title} {finding.impact} {finding.recommendation} {finding.rows}"
            parts = {
                evidence.id: f"{evidence.metric} {evidence.value} {evidence.threshold}"
                for evidence in finding.evidence
            }
            own = frozenset(_numbers(" ".join([text, *parts.values()])))
            self._numbers[finding.id] = own
            for id, part in parts.items():
                self._numbers[id] = frozenset(_numbers(part)) | own

    def add_text(self, id: str, text: str) -> None:
        """Something with an id of its own, such as a measurement."""
        self._numbers[id] = frozenset(_numbers(text))

    def __contains__(self, id: object) -> bool:
        return id in self._numbers

    def flaw(self, claim: Claim) -> Flaw | None:
        """Why the claim cannot stand; None if it can."""
        if len(claim.text) > MAX_CLAIM or len(claim.cites) > MAX_CITES:
            return "too_long"
        if not claim.cites:
            return "no_citation"
        if any(id not in self._numbers for id in claim.cites):
            return "unknown_citation"
        known = self._background.union(*(self._numbers[id] for id in claim.cites))
        if not all(_is_supported(figure, known) for figure in _figures(claim.text)):
            return "unsupported_figure"
        return None


C = TypeVar("C")


def upheld(
    grounds: Grounds, said: Sequence[tuple[Claim, C]]
) -> tuple[tuple[C, ...], Mapping[Flaw, int]]:
    """What stands of what was `said`, in order, and how many fell for which flaw."""
    kept: list[C] = []
    fallen: dict[Flaw, int] = {}
    for claim, thing in said:
        flaw = grounds.flaw(claim)
        if flaw is None:
            kept.append(thing)
        else:
            fallen[flaw] = fallen.get(flaw, 0) + 1
    return tuple(kept), fallen


class _Figure:
    """A number as it is written: with so many decimals, perhaps a share, perhaps in thousands."""

    def __init__(self, value: float, decimals: int, scale: float, *, is_share: bool) -> None:
        self.value = value
        self.decimals = decimals
        self.scale = scale
        self.is_share = is_share

    def shows(self, number: float) -> bool:
        """Whether this is how `number` may be written, rounded."""
        candidates = [number / self.scale]
        if self.is_share:
            candidates.append(number * 100)
        half = 0.5 * 10.0**-self.decimals
        return any(abs(abs(each) - abs(self.value)) <= half * 1.000001 for each in candidates)


def _figures(text: str) -> Iterable[_Figure]:
    for match in _NUMBER.finditer(text):
        digits = match[1].replace(",", "").rstrip(".")
        scale = _SCALE.match(text, match.end())
        yield _Figure(
            float(digits),
            len(digits.partition(".")[2]),
            _SCALES[scale[1].lower()] if scale else 1.0,
            is_share=match[2] is not None,
        )


def _is_supported(figure: _Figure, known: Iterable[float]) -> bool:
    is_plain = not figure.is_share and figure.scale == 1.0 and figure.decimals == 0
    if is_plain and figure.value <= SMALL:
        return True
    return any(figure.shows(number) for number in known)


def _numbers(text: str) -> Iterable[float]:
    for figure in _figures(text):
        yield figure.value * figure.scale
        if figure.is_share:
            yield figure.value / 100
