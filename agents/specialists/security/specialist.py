"""The security auditor: persons, numbers to pay or identify with, secrets, and who may read them.

*Guarantees*: findings show no value of what they are about: titles and evidence are masked, and so
is what the evidence SQL returns.
"""

from collections.abc import Sequence
from typing import Final

from agents.domain.finding import Finding
from agents.domain.store_access import StoreAccess
from agents.domain.task import PinnedDataset
from agents.errors import DatasetError
from agents.specialist import Examination, Specialist
from agents.specialists.attempt import (
    attempt,
    attempt_columns,
    attempt_profile,
    leave_out_observations,
)
from agents.specialists.security.credentials import judge_passwords, judge_secrets
from agents.specialists.security.exposed_persons import (
    is_about_persons,
    judge_columns,
    judge_combination,
    judge_texts,
)
from agents.specialists.security.personal import recognise
from agents.specialists.security.role import ROLE
from agents.specialists.security.stores import StoreJudge
from agents.tools.personal_data import personal_data
from agents.tools.profile import TableProfile, profile
from agents.tools.quasi_identifiers import QuasiIdentifiers, quasi_identifiers
from agents.tools.query_data import query_data
from agents.tools.secrets import secrets
from agents.tools.store_access import store_access
from agents.tools.stored_passwords import stored_passwords


async def examine(examination: Examination) -> Sequence[Finding]:
    """Look at each table: what opens doors, what tells of persons, and who may read that."""
    findings: list[Finding] = []
    stores = StoreJudge()
    await leave_out_observations(examination)
    for dataset in examination.task.datasets:
        if dataset.is_observation:
            continue
        name = dataset.name
        await examination.progress(f"profiling {name}")
        profiled = await attempt_profile(examination, f"The profile of {name}", name)
        if profiled is None:
            continue
        await examination.progress(f"looking for passwords and secrets in {name}")
        found = await _credentials(examination, profiled)
        await examination.progress(f"looking for personal data in {name}")
        personal, shows_persons = await _persons(examination, profiled)
        found += personal
        access = await _access(examination, dataset)
        if access is not None:
            found += stores.judge(dataset, access, found, is_about_persons=shows_persons)
        findings += found
    return tuple(findings)


async def _credentials(examination: Examination, profiled: TableProfile) -> list[Finding]:
    name = profiled.table
    keys = await attempt_columns(
        examination, secrets, f"{name}: whether it holds secrets", table=name
    )
    kept = await attempt_columns(
        examination, stored_passwords, f"{name}: how it keeps passwords", table=name
    )
    return [*judge_secrets(profiled, keys or ()), *judge_passwords(profiled, kept or ())]


async def _persons(examination: Examination, profiled: TableProfile) -> tuple[list[Finding], bool]:
    """What the table tells of persons, and whether it is about them."""
    name = profiled.table
    columns = await attempt_columns(
        examination, personal_data, f"{name}: whether it holds personal data", table=name
    )
    measured = await attempt(
        examination, quasi_identifiers, f"{name}: whether it singles persons out", table=name
    )
    quasi = measured or QuasiIdentifiers(candidates=())
    recognised = recognise(columns or (), is_about_persons=is_about_persons(quasi, ()))
    shows_persons = is_about_persons(quasi, recognised)
    found = judge_columns(name, recognised) + judge_texts(name, columns or (), recognised)
    if shows_persons:
        found += judge_combination(name, profiled.rows, quasi)
    return found, shows_persons


async def _access(examination: Examination, dataset: PinnedDataset) -> StoreAccess | None:
    what = f"{dataset.name}: who may read it where it is kept"
    try:
        return await attempt(examination, store_access, what, table=dataset.name)
    except DatasetError as error:  # it was read before, and is analysed all the same
        await examination.note(f"{what} could not be examined: {error}")
        return None


SECURITY_AUDITOR: Final = Specialist(
    role=ROLE,
    title="Security auditor",
    tools=(
        profile,
        secrets,
        stored_passwords,
        personal_data,
        quasi_identifiers,
        store_access,
        query_data,
    ),
    examine=examine,
    questions={
        "batch": (
            "Which columns tell something about persons, and how sure is that?",
            "Do a few columns together single persons out, even without their names?",
            "Does the data hold numbers of payment cards, bank accounts or national identifiers?",
            "Does it hold passwords, keys or tokens?",
            "Who may read it where it is kept?",
        ),
        "streaming": (
            "Which fields of the events tell something about persons?",
            "Do events carry passwords, keys or tokens?",
            "Who may read them where they are kept?",
        ),
    },
)
