"""Findings about who may read what is analysed where it is kept."""

import re
from collections.abc import Sequence
from typing import Final

from agents.datasets.location import split_table
from agents.domain.finding import Evidence, Finding, Level, Severity, Subject, severity_rank
from agents.domain.store_access import FileAccess, StoreAccess, TableAccess
from agents.domain.task import PinnedDataset
from agents.specialists.security.role import ROLE
from agents.specialists.wording import counted, listed
from agents.tools.column_names import words

READING: Final = frozenset({"SELECT"})
"""Privileges on a table that change nothing in it."""

_TENANT: Final = re.compile(
    r"(tenant|organi[sz]ation|org|workspace|company|mandant)( ?(id|no|nr|key|uuid|code))?"
)


class StoreJudge:
    """Judges one store after the other; what holds for a whole server it says once."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def judge(
        self,
        dataset: PinnedDataset,
        access: StoreAccess,
        findings: Sequence[Finding],
        *,
        is_about_persons: bool,
    ) -> list[Finding]:
        """What is wrong with the access to a dataset in which those findings were made."""
        worst: Severity = min(
            (finding.severity for finding in findings), key=severity_rank, default="info"
        )
        if isinstance(access, FileAccess):
            return _judge_file(dataset, access, worst)
        is_sensitive = severity_rank(worst) <= severity_rank("medium")
        return [
            *_judge_grants(dataset, access, is_sensitive=is_sensitive),
            *_judge_row_security(dataset, access, is_about_persons=is_about_persons),
            *(
                finding
                for finding in _judge_server(dataset, access, is_sensitive=is_sensitive)
                if self._is_new(split_table(dataset.location)[0], finding)
            ),
        ]

    def _is_new(self, server: str, finding: Finding) -> bool:
        said = (server, f"{finding.category} {finding.key}")
        is_new = said not in self._said
        self._said.add(said)
        return is_new


def _judge_file(dataset: PinnedDataset, access: FileAccess, worst: Severity) -> list[Finding]:
    """Files that anybody may read are no trouble where nothing in them is sensitive."""
    can = [
        said
        for said, holds in (
            ("read", access.is_readable),
            ("change", access.is_writable),
            ("replace", access.is_replaceable and not access.is_writable),
        )
        if holds
    ]
    if not can or severity_rank(worst) > severity_rank("medium"):
        return []
    is_grave = worst == "critical" or access.is_writable or access.is_replaceable
    return [
        Finding(
            role=ROLE,
            title=(
                f"Every user of the machine can {listed(can)} the file of {dataset.name} "
                f"(mode {access.mode}), which holds personal data or secrets."
            ),
            severity="high" if is_grave else "medium",
            category="world_readable_file",
            subject=Subject(table=dataset.name),
            evidence=(
                Evidence(
                    metric="mode of the file, of which the last digit is for all other users",
                    value=access.mode,
                    threshold=f"{access.mode[:-1]}0",
                ),
                Evidence(
                    metric="all other users may put another file into the folder in its place",
                    value=access.is_replaceable,
                    threshold=False,
                ),
            ),
            recommendation=(
                "Take the file from all other users (chmod o-rwx), or keep it in a folder that "
                "only those may enter who need it."
            ),
            impact="The rules about who may see this data do not hold on the machine it lies on.",
            effort="low",
            confidence=0.9,
        )
    ]


def _judge_grants(
    dataset: PinnedDataset, access: TableAccess, *, is_sensitive: bool
) -> list[Finding]:
    if not access.public_table:
        return []
    kinds = {privilege.partition(" ")[0] for privilege in access.public_table}
    can_change = bool(kinds - READING)
    severity: Severity = "low"
    if is_sensitive or can_change:
        severity = "high" if is_sensitive else "medium"
    return [
        _finding(
            dataset,
            category="public_grant",
            key="table",
            severity=severity,
            title=(
                f"Every role of the database may {'change' if can_change else 'read'} "
                f"{dataset.name}: PUBLIC has {listed(access.public_table)} on it."
            ),
            metric="privileges of PUBLIC on the table",
            value=listed(access.public_table),
            threshold="none",
            recommendation="REVOKE ALL on it FROM PUBLIC, and grant what is needed to roles.",
            impact="Whoever signs in to this database for anything sees, or changes, this as well.",
            effort="low",
        )
    ]


def _judge_row_security(
    dataset: PinnedDataset, access: TableAccess, *, is_about_persons: bool
) -> list[Finding]:
    tenant = next((c.name for c in dataset.columns if _TENANT.fullmatch(words(c.name))), None)
    counts = counted(access.policies, "policy", "policies")
    if access.policies and not access.has_row_security:
        severity: Severity = "medium"
        title = f"{dataset.name} has {counts} of row security, which do nothing: it is not enabled."
        advice = (
            "ALTER TABLE … ENABLE ROW LEVEL SECURITY, after a look at what the policies let in."
        )
    elif access.policies and access.is_owner and not access.is_superuser and not access.is_forced:
        severity = "low"
        title = (
            f"{access.role} sees every row of {dataset.name} past its {counts} of row security, "
            "since it owns the table."
        )
        advice = (
            "Connect as a role that does not own it, or ALTER TABLE … FORCE ROW LEVEL SECURITY."
        )
    elif tenant is not None and is_about_persons and not access.has_row_security:
        severity = "low"
        title = (
            f"{dataset.name} keeps persons of several tenants ({tenant}) apart by no row security."
        )
        advice = f"Enable row security with a policy on {tenant}, unless every query filters by it."
    else:
        return []
    return [
        _finding(
            dataset,
            category="no_row_security",
            key="",
            severity=severity,
            title=title,
            metric="row security is enabled, and holds for the connecting role",
            value=False,
            threshold=True,
            recommendation=advice,
            impact="One query without the right condition shows the persons of somebody else.",
            effort="medium",
        )
    ]


def _judge_server(
    dataset: PinnedDataset, access: TableAccess, *, is_sensitive: bool
) -> list[Finding]:
    """What holds for every table of the database."""
    found = []
    if not access.is_encrypted and not access.is_local:
        found.append(
            _finding(
                dataset,
                category="no_tls",
                key="",
                severity="high" if is_sensitive else "medium",
                title=f"The connection to the database {access.database} is not encrypted.",
                metric="the connection is encrypted (pg_stat_ssl)",
                value=False,
                threshold=True,
                recommendation=(
                    "Set ssl = on at the server, `hostssl` in pg_hba.conf, and sslmode=verify-full "
                    "in the address."
                ),
                impact="Rows and what is needed to sign in can be read on the way.",
                effort="low",
            )
        )
    for what, granted in (
        ("schema of " + dataset.name, access.public_schema),
        (f"database {access.database}", access.public_database),
    ):
        if "CREATE" in granted:
            found.append(
                _finding(
                    dataset,
                    category="public_grant",
                    key=what.partition(" ")[0],
                    severity="medium",
                    title=f"Every role may create objects in the {what}: PUBLIC has CREATE on it.",
                    metric=f"privileges of PUBLIC on the {what.partition(' ')[0]}",
                    value=listed(granted),
                    threshold="no CREATE",
                    recommendation="REVOKE CREATE on it FROM PUBLIC.",
                    impact=(
                        "A function or table that somebody puts there can take the place of the "
                        "one that others mean, and runs with their rights (CVE-2018-1058)."
                    ),
                    effort="low",
                )
            )
    if access.is_superuser or access.is_owner or access.may_write:
        found.append(_excessive(dataset, access))
    if access.md5_roles or access.password_method == "md5":  # noqa: S105 - a method
        roles = counted(access.md5_roles or 0, "role")
        found.append(
            _finding(
                dataset,
                category="weak_hash",
                key="roles",
                severity="medium",
                title=(
                    f"The server keeps passwords as MD5: {roles} now."
                    if access.md5_roles
                    else "The server is set to keep new passwords as MD5."
                ),
                metric="password_encryption, and how passwords of roles are kept",
                value=f"{access.password_method}, {roles} with MD5",
                threshold="scram-sha-256",
                recommendation=(
                    "Set password_encryption = 'scram-sha-256' and have these passwords set again."
                ),
                impact="What is kept is enough to sign in with, and fast to guess from.",
                effort="medium",
            )
        )
    return found


def _excessive(dataset: PinnedDataset, access: TableAccess) -> Finding:
    how = "may write to it"
    if access.is_superuser or access.is_owner:
        how = "is a superuser" if access.is_superuser else "owns it"
    return _finding(
        dataset,
        category="excessive_rights",
        key="",
        severity="medium" if access.is_superuser else "low",
        title=f"{dataset.name} is read as {access.role}, which {how}, where a reader would do.",
        metric="rights of the connecting role",
        value=how,
        threshold="SELECT",
        recommendation=(
            "Create a role that may only SELECT, with a password that expires, and read as that."
        ),
        impact="Whoever gets hold of this address or its password can change or drop the data.",
        effort="low",
    )


def _finding(
    dataset: PinnedDataset,
    *,
    category: str,
    key: str,
    severity: Severity,
    title: str,
    metric: str,
    value: str | bool,
    threshold: str | bool,
    recommendation: str,
    impact: str,
    effort: Level,
) -> Finding:
    return Finding(
        role=ROLE,
        title=title,
        severity=severity,
        category=category,
        subject=Subject(table=dataset.name),
        key=key,
        evidence=(Evidence(metric=metric, value=value, threshold=threshold),),
        recommendation=recommendation,
        impact=impact,
        effort=effort,
        confidence=0.95,
    )
