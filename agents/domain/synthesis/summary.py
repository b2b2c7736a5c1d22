"""The executive summary: what one tells somebody who reads nothing else."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import SEVERITIES, Finding
from agents.domain.report import Missing, Recommendation
from agents.domain.synthesis.causes import cause_of, stage_of
from agents.domain.synthesis.kinds import kind_of, quoted
from agents.domain.synthesis.wording import (
    counted,
    gist,
    listed,
    lowered,
    shortened,
    speciality,
)
from agents.domain.task import PinnedDataset

FACTS: Final = 2
"""How many findings the summary quotes."""

REASONS: Final = 2
"""How many kinds of trouble a verdict names."""

USES: Final = 3
"""How many endangered uses of the data it names."""

_WORD: Final = re.compile(r"[a-z0-9]{3,}")
_EMPTY_WORDS: Final = frozenset(
    _WORD.findall(
        "all and any are but can data dataset did does for from had has have how into its may most "
        "much not our should than that the their them there these they this those was were what "
        "when where which who why will with would you your column columns row rows table tables "
        "value values find finding findings problem problems issue issues"
    )
)

STEM: Final = 5
"""Characters that words with one meaning begin with."""

_SYNONYMS: Final = (
    "delay late slow latency lag",
    "rise rising grow growth increase up climb fall falling drop decline decrease down trend",
    "sales sold revenue turnover income amount amounts",
    "duplicate twice double repeat repeated repeats",
    "missing null nulls empty incomplete absent gaps",
    "personal private privacy pii gdpr confidential",
    "sharing share shared publish published expose vendor partner supplier external outside",
    "error errors fail failed failure broken",
    "skew uneven concentration concentrated largest dominate",
    "outlier impossible extreme implausible anomaly anomalies unusual",
)
"""Each line one meaning, named by its first word."""

_MEANING: Final = {
    word[:STEM]: line.split()[0][:STEM] for line in _SYNONYMS for word in line.split()
}


def summarise(
    question: str,
    datasets: Sequence[PinnedDataset],
    findings: Sequence[Finding],
    recommendations: Sequence[Recommendation],
    missing: Sequence[Missing],
) -> str:
    """What it is and what it can be used for, the weightiest facts, an answer, the first step."""
    facts = _facts(findings)
    tables = len(datasets)
    told = [*_verdict(datasets, findings, missing), *(quoted(fact, tables) for fact in facts)]
    if question.strip() and findings:
        told += _answer(question, findings, facts, tables)
    if recommendations:
        first = recommendations[0]
        told.append(f"First, {lowered(gist(first.action))} ({first.effort} effort).")
    if missing:
        who = listed(f"{speciality(each.role)} ({shortened(each.reason, 80)})" for each in missing)
        told.append(f"Not examined: {who}.")
    return " ".join(dict.fromkeys(told))


def _facts(findings: Sequence[Finding]) -> Sequence[Finding]:
    """The weightiest findings, of different causes as long as they are as severe as the next."""
    told = [finding for finding in findings if finding.severity != "info"]
    facts: list[Finding] = []
    while told and len(facts) < FACTS:
        causes = {cause_of(fact.category).name for fact in facts}
        equals = [finding for finding in told if finding.severity == told[0].severity]
        fact = next(
            (each for each in equals if cause_of(each.category).name not in causes), told[0]
        )
        told.remove(fact)
        facts.append(fact)
    return facts


def _verdict(
    datasets: Sequence[PinnedDataset], findings: Sequence[Finding], missing: Sequence[Missing]
) -> Iterator[str]:
    """For what it cannot be used, for what only with care, and how many findings say so."""
    grave = [finding for finding in findings if finding.severity in {"critical", "high"}]
    medium = [finding for finding in findings if finding.severity == "medium"]
    subject, verb = _subject(datasets)
    limit = ", as far as it was examined" if missing else ""
    if grave:
        uses = listed(_uses(grave), USES) or "decisions"
        yield f"{subject} {verb} not ready for {uses}, because of {_reasons(grave)}."
    elif medium:
        yield f"{subject} {verb} usable with care: nothing critical or high was found{limit}."
    elif any(finding.severity == "low" for finding in findings):
        yield f"{subject} {verb} fit for use{limit}: nothing above low severity was found."
    else:
        yield f"Nothing was found that stands against the use of {lowered(subject)}{limit}."
    threatened = _uses(grave)
    careful = [each for each in medium if not set(_uses([each])) & set(threatened)]
    if _uses(careful):
        yield f"Take care with {listed(_uses(careful), USES)}, because of {_reasons(careful)}."
    if grave or medium:
        yield _severities(findings)


def _subject(datasets: Sequence[PinnedDataset]) -> tuple[str, str]:
    """What was examined, and the verb that fits."""
    names = [f"{each.name} ({each.rows:,} rows, {len(each.columns)} columns)" for each in datasets]
    if not names:
        return "The data", "is"
    if len(names) == 1:
        return f"The table {listed(names)}", "is"
    return f"The tables {listed(names, 3)}", "are"


def _uses(findings: Sequence[Finding]) -> Sequence[str]:
    """What the findings endanger, each once, the gravest first."""
    uses = (cause_of(finding.category).threatens for finding in findings)
    return list(dict.fromkeys(use for use in uses if use))


def _reasons(findings: Sequence[Finding]) -> str:
    """Such as "missing values in orders.paid as well as repeated rows in orders"."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.category, []).append(finding)
    reasons = [kind_of(category, group, 3) for category, group in list(kinds.items())[:REASONS]]
    more = counted(len(kinds) - REASONS, "other kind") if len(kinds) > REASONS else ""
    return " as well as ".join(reasons) + (f" and {more} of trouble" if more else "")


def _severities(findings: Sequence[Finding]) -> str:
    """Such as "Of 19 findings, 1 is high and 3 are medium."."""
    if len(findings) == 1:
        return f"The only finding is {findings[0].severity}."
    number = {each: sum(f.severity == each for f in findings) for each in SEVERITIES[:3]}
    parts = [f"{n} {'is' if n == 1 else 'are'} {each}" for each, n in number.items() if n]
    return f"Of {counted(len(findings), 'finding')}, {listed(parts)}."


def _answer(
    question: str, findings: Sequence[Finding], facts: Sequence[Finding], tables: int
) -> Iterator[str]:
    """The findings that share the most words with the question, figures before flaws."""
    asked = set(_words(question))
    scored = [(len(asked & set(_words(_text(finding)))), finding) for finding in findings]
    best = max(score for score, _ in scored)
    if best == 0:
        yield "No finding speaks to the question directly, so the verdict is the nearest answer."
        return
    answers = sorted(
        (finding for score, finding in scored if score == best),
        key=lambda finding: -stage_of(finding.category),
    )[:FACTS]
    others = [finding for finding in answers if finding not in facts]
    if not others:
        yield "That is also what bears on the question."
        return
    yield "This bears on the question, too:" if len(others) < len(answers) else "On the question:"
    yield from (quoted(finding, tables) for finding in others)


def _text(finding: Finding) -> str:
    threatened = cause_of(finding.category).threatens
    return (
        f"{finding.title[:1000]} {finding.subject} {finding.category} {finding.role} {threatened}"
    )


def _words(text: str) -> Iterator[str]:
    """Words by what they mean, so that "delays", "delayed" and "late" meet."""
    for word in _WORD.findall(text.lower().replace("_", " ")):
        if word not in _EMPTY_WORDS:
            yield _MEANING.get(word[:STEM], word[:STEM])
