"""Telling names of persons and of organisations by the words in them."""

import re
from typing import Final

from agents.tools.column_names import without_accents
from agents.tools.given_names import GIVEN_NAMES

_NAME: Final = re.compile(r"[^\W\d_]+(?:[ .'-]+[^\W\d_]+){0,4}\.?")
_ASIDE: Final = re.compile(r"\([^)]*\)|\"[^\"]*\"")
_TITLE: Final = re.compile(
    r"(?:(?:mr|mrs|miss|ms|dr|prof|herr|frau|mme|m|sr|sra|don|dona|sir|master|rev)\.? +)+"
)

_ORGANISATION: Final = re.compile(
    r"\b(inc|incorporated|ltd|limited|llc|llp|plc|gmbh|kg|ohg|sarl|srl|spa|corp|corporation|company"
    r"|cooperative|group|gruppe|holdings?|bank|hospital|clinic|medical|health|healthcare|university"
    r"|college|school|academy|institute|brewery|brewing|brewpub|brewhouse|winery|distillery|airlines?"
    r"|airways|aviation|airport|airfield|intl|hotel|motel|inn|restaurant|cafe|bakery|store|shop"
    r"|market|supermarket|pharmacy|church|museum|library|foundation|association|society|agency"
    r"|department|ministry|office|services?|solutions|systems|technologies|software|industries"
    r"|enterprises|partners|associates|partnership|cent(er|re)|facility|station|works|motors"
    r"|manufacturing|consulting|insurance|krankenhaus|klinik|klinikum|schule|universitat|verein"
    r"|stiftung|werke|brauerei|apotheke|hopital|clinique|ecole|universite|societe|hospitales"
    r"|clinica|escuela|universidad|empresa|banco|compania)\b|& (sons?|co)\b"
    r"| (ag|sa|bv|nv|oy|ab|co)\.?$"
)


def is_like_a_name(value: str) -> bool:
    """Whether it is one to five words of letters, as names are, and much else."""
    return _NAME.fullmatch(value) is not None


def is_full_name(value: str) -> bool:
    """Whether it is the full name of a person: two to four words, a frequent given name first.

    >>> is_full_name("Anna King"), is_full_name("King, Mrs. Emma (Ann)"), is_full_name("Main Road")
    (True, True, False)
    """
    plain = without_accents(_ASIDE.sub("", value)).lower().strip()
    family, comma, given = plain.partition(",")
    plain = f"{given.strip()} {family}" if comma else plain
    plain = _TITLE.sub("", plain.strip(), count=1)
    words = plain.split()
    return (
        2 <= len(words) <= 4
        and words[0] in GIVEN_NAMES
        and _NAME.fullmatch(plain) is not None
        and not is_organisation(value)
    )


def is_organisation(value: str) -> bool:
    """Whether a word in it says that it names a company, an authority, a place of work.

    >>> is_organisation("Callahan Eye Hospital"), is_organisation("Example GmbH & Co. KG")
    (True, True)
    """
    return _ORGANISATION.search(without_accents(value).lower()) is not None
