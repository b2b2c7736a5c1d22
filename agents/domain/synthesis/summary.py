"""The executive summary: what one tells somebody who reads nothing else."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.report import Missing, Recommendation
from agents.domain.synthesis.causes import cause_of, stage_of
from agents.domain.synthesis.reach import places
from agents.domain.synthesis.wording import counted, listed, shortened, speciality
from agents.domain.task import PinnedDataset

FACTS: Final = 2
FACT_LENGTH: Final = 160
"""How many findings the summary quotes, and how many characters of each."""

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
    "sharing share shared publish published expose",
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
    """1..5 sentences: verdict, weightiest facts, answer, what to do first, who is missing."""
    facts = [finding for finding in findings if finding.severity != "info"][:FACTS]
    sentences = [_verdict(datasets, findings, missing)]
    if facts:
        sentences.append(f"{_quoted(facts)}.")
    if question.strip() and findings:
        sentences.append(_answer(question, findings, facts))
    if recommendations:
        first = recommendations[0]
        sentences.append(f"First: {shortened(first.action)} (effort {first.effort}).")
    if missing:
        who = listed(f"{speciality(each.role)} ({shortened(each.reason, 80)})" for each in missing)
        sentences.append(f"Not examined: {who}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _verdict(
    datasets: Sequence[PinnedDataset], findings: Sequence[Finding], missing: Sequence[Missing]
) -> str:
    name = listed(
        (f"{each.name} ({each.rows:,} rows, {len(each.columns)} columns)" for each in datasets), 2
    )
    name = name or "The data"
    grave = [finding for finding in findings if finding.severity in {"critical", "high"}]
    if grave:
        uses = [cause_of(finding.category).threatens for finding in grave]
        threatened = listed((use for use in uses if use), 3) or "decisions"
        return (
            f"{name}: not ready for {threatened} because of {places(grave, 3)}; "
            f"{len(grave)} of {counted(len(findings), 'finding')} "
            f"{'is' if len(grave) == 1 else 'are'} critical or high."
        )
    if any(finding.severity == "medium" for finding in findings):
        number = sum(finding.severity == "medium" for finding in findings)
        return (
            f"{name}: usable with care; nothing critical or high was found, but "
            f"{counted(number, 'finding')} of medium severity."
        )
    limit = ", as far as it was examined" if missing else ""
    if any(finding.severity == "low" for finding in findings):
        return f"{name}: fit for use{limit}; nothing above low severity was found."
    return f"{name}: nothing was found that stands against its use{limit}."


def _answer(question: str, findings: Sequence[Finding], facts: Sequence[Finding]) -> str:
    """The findings that share the most words with the question, figures before flaws."""
    asked = set(_words(question))
    scored = [(len(asked & set(_words(_text(finding)))), finding) for finding in findings]
    best = max(score for score, _ in scored)
    if best == 0:
        return "No finding speaks to the question directly; the verdict is the nearest answer."
    answers = sorted(
        (finding for score, finding in scored if score == best),
        key=lambda finding: -stage_of(finding.category),
    )[:FACTS]
    if all(finding in facts for finding in answers):
        return "That is also what bears on the question."
    return f"On the question: {_quoted(answers)}."


def _quoted(findings: Sequence[Finding]) -> str:
    return "; ".join(shortened(finding.title, FACT_LENGTH) for finding in findings)


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
