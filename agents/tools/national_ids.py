"""National identification numbers, told by their checksums.

`stdnum` is imported where it is used, one module for each country, since most data needs none.
"""

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

CHECKSUMMED: Final[Mapping[str, str]] = {
    "Austrian social security number": "at.vnr",
    "Belgian national number": "be.nn",
    "Brazilian CPF": "br.cpf",
    "Bulgarian EGN": "bg.egn",
    "Canadian SIN": "ca.sin",
    "Chilean RUT": "cl.rut",
    "Chinese resident identity": "cn.ric",
    "Croatian OIB": "hr.oib",
    "Czech birth number": "cz.rc",
    "Danish CPR": "dk.cpr",
    "Dutch BSN": "nl.bsn",
    "Estonian personal code": "ee.ik",
    "Finnish HETU": "fi.hetu",
    "French NIR": "fr.nir",
    "German tax id": "de.idnr",
    "Indian Aadhaar": "in_.aadhaar",
    "Irish PPS number": "ie.pps",
    "Italian codice fiscale": "it.codicefiscale",
    "Korean resident number": "kr.rrn",
    "Mexican CURP": "mx.curp",
    "NHS number": "gb.nhs",
    "Norwegian birth number": "no.fodselsnummer",
    "Polish PESEL": "pl.pesel",
    "Portuguese citizen card": "pt.cc",
    "Romanian CNP": "ro.cnp",
    "South African id": "za.idnr",
    "Spanish DNI": "es.dni",
    "Spanish NIE": "es.nie",
    "Swedish personal number": "se.personnummer",
    "Swiss AHV number": "ch.ssn",
    "Turkish T.C. number": "tr.tckimlik",
}
"""National identifiers with a checksum, and the module of `stdnum` that knows it."""

UNCHECKED: Final[Mapping[str, str]] = {
    "US social security number": "us.ssn",
    "US taxpayer number": "us.itin",
}
"""Those whose form alone can be tested, so that the column's name must say it, too."""

FIRST: Final = 50
"""Values after which an identifier that none of them is needs no further look."""

_SUSPECT: Final = re.compile(r"[A-Z\d][A-Z\d ./+-]{7,20}", re.IGNORECASE)


def national_ids(values: Sequence[str], *, is_hinted: bool) -> dict[str, float]:
    """What share of `values` is which identifier, from 0 to 1; `is_hinted` is by column name."""
    suspects = [value for value in values if _SUSPECT.fullmatch(value)]
    suspects = [value for value in suspects if sum(map(str.isdigit, value)) >= 6]
    if not suspects:
        return {}
    formats = {**CHECKSUMMED, **(UNCHECKED if is_hinted else {})}
    found = {}
    for name, module in formats.items():
        is_valid = importlib.import_module(f"stdnum.{module}").is_valid
        if any(map(is_valid, suspects[:FIRST])):
            found[name] = sum(map(is_valid, suspects)) / len(values)
    return found


def is_social_security_number(value: str) -> bool:
    """Whether it has the form of one of the United States, with its hyphens."""
    return bool(importlib.import_module("stdnum.us.ssn").is_valid(value)) and value[3:7:3] == "--"
