"""Plays about what must not be seen: credentials, personal data, open access."""

from typing import Final

from agents.domain.synthesis.plays.play import Play, of

EXPOSURE: Final = (
    Play(
        categories=of("secret"),
        action="Revoke the secrets in {where}, and take them out of the data",
        how="Revoke them where they are valid, then delete them from the data and its copies, then "
        "look in the logs for their use.",
        watch="scan for secrets, and stop the delivery at the first match",
        flaw="hold a secret in {what}",
        goal="The revoked secrets are refused everywhere",
    ),
    Play(
        categories=of("plaintext_password", "weak_hash"),
        action="Keep the passwords of {where} only as strong, salted hashes",
        how="Use Argon2 or bcrypt (in PostgreSQL scram-sha-256), hash each password anew when it "
        "is next used or set, have the rest reset, and delete the old values and their copies.",
        watch="look at the form of what is stored as a password, and stop at any other form",
        goal="Every password is kept as a strong, salted hash, and the old values are gone",
    ),
    Play(
        categories=of("personal_data", "national_id", "payment_card", "bank_account"),
        action="Decide who may see {where}, and protect the values before the data goes further",
        how="Drop each of these columns, restrict it, or replace it by a token that is equal for "
        "equal values (SELECT * REPLACE (sha256(concat(<secret key>, c)) AS c)), so that joins "
        "still work. Then withdraw older copies.",
        watch="scan for personal data, and raise an alert for a column that nobody has agreed to",
        goal="Each of these columns is dropped, replaced by tokens, or on an agreed list of who "
        "may read it",
    ),
    Play(
        categories=of("quasi_identifier"),
        action="Coarsen {where} until nobody can be singled out",
        how="Give a year for a date, the first digits of a postal code or wider groups, or drop a "
        "column, and count again after each step.",
        watch="count the smallest group of rows with equal values, and hold the delivery where it "
        "is too small",
        goal="Every combination of values stands for enough persons",
    ),
    Play(
        categories=of("free_text_personal_data"),
        action="Mask what identifies people inside the texts of {where}",
        how="Replace each match by its kind (such as <email>) before the table is shared or "
        "analysed, and keep the originals apart.",
        watch="scan the texts for personal data, and raise an alert for any that is not masked",
        flaw="have personal data inside {what}",
    ),
    Play(
        categories=of("public_grant", "excessive_rights", "no_row_security"),
        action="Limit the rights on {where} to those who need them",
        how="Grant to named roles instead of everybody, and read as a role that may only SELECT. "
        "Then look who has used the wider rights so far.",
        watch="list grants and policies, and raise an alert for any that is wider than agreed",
        goal="Nobody has a right there that is not on the agreed list",
        is_specific=True,
    ),
    Play(
        categories=of("no_tls"),
        action="Require TLS for the connections to {where}",
        how="Refuse connections without it, and have clients check the certificate.",
        watch="look whether connections are encrypted, and refuse those that are not",
        goal="The server refuses a connection without TLS",
        is_specific=True,
    ),
    Play(
        categories=of("world_readable_file"),
        action="Take the files of {where} away from all other users of the machine",
        how="Close them (chmod o-rwx), or keep them in a folder that only those may enter who need "
        "them. Have whatever writes them set the mode, and look who has read them so far.",
        watch="check the modes of the files, and raise an alert for one that all may read",
        goal="No file of this data can be read by all users of its machine",
    ),
)
