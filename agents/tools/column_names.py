"""What the name of a column says about its content, whatever language of naming it is in."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias

PersonalKind: TypeAlias = Literal[
    "person name",
    "email",
    "phone",
    "address",
    "birth date",
    "ip address",
    "device id",
    "national id",
    "payment card",
    "bank account",
    "password",
]

_NUMBER: Final = r"( (no|nr|num|number))?"

_HINTS: Final[Mapping[PersonalKind, Sequence[str]]] = {
    "email": (
        r"e mail( addr(ess)?)?",
        r"e? ?mail( addr(ess)?)?",
        r"(e mail|e?mail) ?adresse",
        r"courriel|(adresse )?mel|correo( electronico)?",
    ),
    "phone": (
        rf"(tele)?phone{_NUMBER}",
        rf"(tel|fax|mobile|cell|handy|msisdn){_NUMBER}",
        rf"(mobile|cell|home|work|contact) (tele)?phone{_NUMBER}",
        r"(telefon|handy|mobil(funk)?|mobiltelefon|rufnummer)( ?(nr|nummer))?",
        r"((numero|num) (de )?)?(telefono?|telephone|portable|movil|celular)",
    ),
    "person name": (
        r"(given|first|middle|last|maiden|family|full|nick) ?name",
        r"(sur|fore|vor|nach|familien|geburts)name",
        r"[fl]name",
        r"(customer|client|patient|employee|person|passenger|contact|cardholder|holder) name",
        r"(owner|author|driver|tenant|student|teacher|doctor|physician|member|guest) name",
        r"(visitor|applicant|beneficiary|recipient) name",
        r"initials",
        r"prenoms?|nom (de )?(famille|naissance)|nom (du )?(client|patient)",
        r"apellidos?|(primer|segundo) (nombre|apellido)|nombre (completo|y apellidos?)",
    ),
    "birth date": (
        r"date of birth",
        r"birth ?(date|day)",
        r"[db]ob",
        r"b ?date",
        r"geburts(datum|tag)|geb ?datum",
        r"date (de )?naissance|ddn",
        r"fecha (de )?nacimiento",
    ),
    "address": (
        r"((street|home|postal|mailing|billing|shipping|residential) )?addr(ess)?( line)?",
        r"street( (name|no|nr|num|number))?",
        r"house (no|nr|num|number)",
        r"(post ?code|postal code|zip( ?codes?)?|suburb)",
        r"(post)?anschrift|(liefer|rechnungs|wohn)?adresse|strassen?(name)?|hausn(umme)?r|plz",
        r"postleitzahl|adresse( postale)?|rue|code postal|direccion|domicilio|calle|codigo postal",
    ),
    "ip address": (
        r"((client|remote|source|src|user|visitor) )?ip( ?addr(ess)?)?( ?v ?[46])?",
        r"(ip ?adresse|adresse ip|direccion ip)",
    ),
    "device id": (
        r"(mac|wifi mac|bluetooth)( addr(ess)?| adresse)?",
        r"(imei|imsi|meid|idfa|idfv|gaid|aaid|udid|android id|advertising id)",
    ),
    "national id": (
        r"(ssn|sin|nino|bsn|cpf|pesel|tin|dni|nie|nif|nir|curp|cpr|aadhaar|jmbg|svnr)",
        rf"soc(ial)? sec(urity)?( id)?{_NUMBER}",
        rf"(national|citizen|personal|tax) (id|identity|identification){_NUMBER}",
        rf"(passport|nhs|driver s? ?licen[cs]e){_NUMBER}",
        r"(steuer|sozialversicherungs|ausweis|personalausweis|pass|ahv)( ?(id|nr|nummer))",
        r"steuer ?identifikationsnummer|rentenversicherungsnummer|personnummer",
        r"(numero |num |n )?(de )?(securite sociale|secu|passeport|pasaporte|seguridad social)",
        r"codice fiscale|documento (de )?identidad",
    ),
    "payment card": (
        r"((credit|debit|payment|bank) )?card (no|nr|num|number)",
        rf"(credit|debit) card{_NUMBER}",
        r"cc (no|num|number)",
        r"pan",
        r"kreditkarten?( ?(nr|nummer))?|karten(nr|nummer)",
        r"((numero|num) (de )?(la )?)?(carte (bancaire|de credit|bleue)|tarjeta( de credito)?)",
    ),
    "bank account": (
        r"(iban|bic|swift|sort code)",
        r"((bank )?(account|acct)|routing) (no|nr|num|number)",
        r"bank account",
        r"konto(nr|nummer)|bankverbindung|(numero (de )?)?(compte|cuenta) (bancaire|bancaria)|rib",
    ),
    "password": (
        r"(user |login )?(password|passwd|pwd|passphrase|pass ?word)s?( (hash|digest|plain))?",
        r"(hashed|encrypted|crypted) (password|passwd|pwd)",
        r"passwort|kennwort|mot de passe|mdp|contrasena|senha",
    ),
}

_PATTERNS: Final = {kind: re.compile("|".join(hints)) for kind, hints in _HINTS.items()}

_WHOSE: Final = re.compile(
    r"(customer|client|cust|patient|employee|emp|staff|user|member|guest|passenger|applicant|person"
    r"|contact|emergency contact|owner|student|buyer|seller|sender|recipient|subscriber|borrower"
    r"|card ?holder|account holder|insured|resident|driver|kunden?|benutzer|billing|shipping"
    r"|delivery|primary|secondary|alternate|private|personal|home|work|office|mobile|daytime) "
)
"""Words before a kind that say whose or which it is."""

_COORDINATE: Final = re.compile(r"(.* )?(lat|lon|lng|long|latitude|longitude)( deg(rees)?)?")

_ORGANISATION: Final = re.compile(
    r"(.* )?(company|firm|organi[sz]ation|org|institution|provider|supplier|vendor|manufacturer"
    r"|business|store|shop|retailer|merchant|restaurant|hotel|hospital|clinic|pharmacy|brewery"
    r"|winery|school|university|college|airline|airport|carrier|facility|station|bank|agency"
    r"|branch|office|site|venue|museum|church|employer|firma|unternehmen|societe|entreprise"
    r"|empresa)( ?name)?|name"
)

_IDENTIFIER: Final = re.compile(
    r"(.* )?(id|key|code|no|nr|num|number|uuid|guid|sku|ref|reference|hash|serial|isbn|ean|vin)"
)


def words(name: str) -> str:
    """The words of a column name in lower case, without accents.

    >>> words("DateOfBirth"), words("date_of-birth"), words("Prénom"), words("Straße")
    ('date of birth', 'date of birth', 'prenom', 'strasse')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.sub(r"[^a-z0-9]+", " ", without_accents(spaced.lower())).strip()


def without_accents(text: str) -> str:
    """`text` in the letters of ASCII where it has letters of Latin script."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(character for character in apart if not unicodedata.combining(character))


@lru_cache(maxsize=4_096)
def personal_kind(name: str) -> PersonalKind | None:
    """The kind of personal data that a column of this name would hold."""
    spoken = words(name)
    bare = re.sub(r" ?\d+$", "", spoken)
    for said in dict.fromkeys((spoken, bare, _WHOSE.sub("", bare, count=1))):
        for kind, pattern in _PATTERNS.items():
            if pattern.fullmatch(said):
                return kind
    return None


def is_coordinate_name(name: str) -> bool:
    """Whether a column of this name would hold latitudes or longitudes."""
    return _COORDINATE.fullmatch(words(name)) is not None


def is_organisation_name(name: str) -> bool:
    """Whether a column of this name may tell organisations by their names."""
    return _ORGANISATION.fullmatch(words(name)) is not None


def is_identifier_name(name: str) -> bool:
    """Whether a column of this name would tell rows or things apart."""
    return _IDENTIFIER.fullmatch(words(name)) is not None
