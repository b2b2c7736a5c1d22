"""Plays about records: how they are read, what they lack, what they repeat or contradict."""

from typing import Final

from agents.domain.synthesis.plays.play import Play, of

READING: Final = (
    Play(
        categories=of("parse_problem"),
        action="Have {where} delivered in a form that reads without loss",
        how="Agree delimiter, quoting, line ends and UTF-8 with whoever writes the file, load it "
        "again from the source, and refuse a delivery in which a line cannot be read.",
        watch="count the lines that cannot be read, and refuse a delivery that has any",
        goal="Every line of the delivery is read",
        is_specific=True,
    ),
    Play(
        categories=of("encoding_damage"),
        action="Load the damaged values of {where} again from their source",
        how="Find the step that changed them (a wrong encoding, a spreadsheet), mend it, and load "
        "the values anew, since what was lost cannot be computed.",
        watch="count damaged values, and refuse a delivery that has any",
        flaw="hold a damaged value in {what}",
        is_specific=True,
    ),
    Play(
        categories=of("type_mismatch"),
        action="Correct what does not fit the type of {where}, and declare the type",
        how="Convert with TRY_CAST, set aside the rows in which it gives NULL, and correct those "
        "at their source.",
        watch="count the values that do not convert, and raise an alert for any",
        flaw="hold a value of another type in {what}",
    ),
    Play(
        categories=of("unit_mix"),
        action="Store {where} in one unit and one format",
        how="Keep a plain number or date in the column and the unit in its name, convert what is "
        "there, and have the source write the same form.",
        watch="count the values in any other form, and raise an alert for any",
        flaw="write {what} in another form",
    ),
    Play(
        categories=of("pattern_violation"),
        action="Correct the values of {where} that are unlike the rest, or allow their form",
        how="Look at the rows that the evidence returns before changing anything, and make the "
        "form that is agreed a check.",
        watch="count the values that break the pattern, and look at each new one",
        flaw="break the pattern of {what}",
        is_specific=True,
    ),
)

COMPLETENESS: Final = (
    Play(
        categories=of("hidden_missing"),
        action="Read the placeholders in {where} as NULL",
        how="Convert while loading (nullif(trim(c), '<placeholder>')), have the source leave such "
        "fields empty, and compute again what was averaged or counted over them.",
        watch="count the known placeholders, and raise an alert for any",
        flaw="hold a placeholder in {what}",
    ),
    Play(
        categories=of("missing_values"),
        action="Find out why values are missing in {where}, and fill the gaps or declare them",
        how="Look at when and with which other columns the values are absent, which names the step "
        "that loses them. Mend that step and load again. What cannot be filled stays NULL, is "
        "documented as optional, and is mentioned with every figure that rests on it.",
        watch="compare the share of missing values with today's, and raise an alert where it rises",
        flaw="lack {what}",
    ),
    Play(
        categories=of("inconsistent_category"),
        action="Settle one spelling for each value of {where}",
        how="Keep a mapping from variants to the agreed value, apply it while loading, and let the "
        "source choose from a list.",
        watch="count the values that are not on the list, and look at each new one",
        flaw="hold a variant of another value in {what}",
    ),
)

IDENTITY: Final = (
    Play(
        categories=of("duplicate_rows", "duplicate_events"),
        action="Remove the repeated rows of {where}, and refuse them from now on",
        how="Find out whether a load ran twice, keep one row of each, and make loading twice "
        "harmless by merging on a key.",
        watch="count the rows that repeat another one, and raise an alert for any",
        flaw="repeat another row",
    ),
    Play(
        categories=of("duplicate_key"),
        action="Decide whether {where} must identify a row, and enforce it",
        how="Look at the rows that share a key. If they are the same thing twice, keep one "
        "(QUALIFY row_number() OVER (PARTITION BY <key> ORDER BY <latest first>) = 1). If they are "
        "not, name the column that tells them apart. Then declare the key where data is loaded.",
        watch="count rows minus distinct keys, and raise an alert for any difference",
        flaw="share {what} with another row",
    ),
    Play(
        categories=of("near_duplicate_rows"),
        action="Merge the rows of {where} that describe one thing in different spellings",
        how="Review the groups that the evidence returns, keep one row of each with the best of "
        "their values, and have entry look for what is alike first.",
        watch="search new rows for one that describes the same, and have somebody look at matches",
        flaw="describe what another row describes",
    ),
    Play(
        categories=of("referential_orphan"),
        action="Complete the table that holds the partners of {where}, or correct the references",
        how="List the values without a partner (ANTI JOIN), add them or correct them, and until "
        "then join by LEFT JOIN, so that these rows stay and count as unknown.",
        watch="compare the share of rows without a partner with today's, and raise an alert where "
        "it rises",
        flaw="have a value of {what} without a partner",
    ),
)

VALUES: Final = (
    Play(
        categories=of("outlier"),
        action="Check the extreme values of {where} against their source",
        how="Look at what these rows have in common, correct what is wrong, keep what is merely "
        "large, and give the median beside the mean until then.",
        watch="count the values beyond today's limits, and look at each new one",
        flaw="hold an extreme value of {what} that nobody has confirmed",
        is_specific=True,
    ),
    Play(
        categories=of("impossible_value"),
        action="Correct the impossible values of {where}, and refuse them at entry",
        how="Look at the rows that the evidence returns, correct them at the source or set them to "
        "NULL, and make the limit a check.",
        watch="count the values beyond the limit, and raise an alert for any",
        flaw="hold an impossible value of {what}",
    ),
    Play(
        categories=of("broken_dependency"),
        action="Correct the values of {where} that contradict the columns beside them",
        how="Look at the rows that the evidence returns, correct the side that is wrong, and keep "
        "what follows from another column in a table of its own, or compute it.",
        watch="count the rows that break the rule, and raise an alert where they increase",
        flaw="hold a contradiction in {what}",
    ),
)
