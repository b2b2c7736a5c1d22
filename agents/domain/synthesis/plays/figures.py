"""Plays about business figures: whoever owns them has to act or to expect it."""

from typing import Final

from agents.domain.synthesis.plays.play import Play, of

FIGURES: Final = (
    Play(
        categories=of("concentration"),
        action="Decide whether so much may depend on the few in {where}",
        how="Name the few that carry the total, look at what losing the largest would mean, and "
        "read averages with and without them.",
        watch="follow the share of the largest, and raise an alert where it rises",
        goal="Whoever answers for it has accepted the dependence, or limited it",
    ),
    Play(
        categories=of("kpi"),
        action="Explain the unusual period of {where}",
        how="Check that its records are complete, split it by the largest segments, and say what "
        "was different wherever the figure is shown.",
        watch="compare each new period with those before, and raise an alert outside their range",
        goal="The cause is on record, and stands beside the figure",
        is_specific=True,
    ),
    Play(
        categories=of("trend"),
        action="Find out what drives the trend of {where}, and plan with it",
        how="Split it by the largest segments to see where it comes from, check that the data "
        "behind it is complete, then decide whether to act or to expect it.",
        watch="compare each new period with the trend, and raise an alert where it leaves it",
        goal="The cause is on record, and whoever owns the figure has agreed a target",
        is_specific=True,
    ),
    Play(
        categories=of("seasonality"),
        action="Plan for the season of {where}",
        how="Compare each period with the same one of the cycle before, and hold capacity for the "
        "peak.",
        watch="compare each new period with the same one before, and raise an alert where they "
        "part",
        goal="Plans and alerts take the season into account",
        is_specific=True,
    ),
    Play(
        categories=of("change_point"),
        action="Find out what changed the course of {where}",
        how="Match the dates with releases, prices, contracts and changes in how the figure is "
        "recorded, and compare only within one course until then.",
        watch="compare each new period with the latest course, and raise an alert where it leaves "
        "it",
        goal="Each change has a cause that is on record, or is declared unexplained",
        is_specific=True,
    ),
    Play(
        categories=of("segment_driver"),
        action="Look for the movement of {where} in the segments that carry it",
        how="Ask what happened there before looking anywhere else, and compare within segments.",
        watch="follow the figure by segment, and raise an alert where one leaves its range",
        goal="The cause is on record for the segments that carry the movement",
        is_specific=True,
    ),
    Play(
        categories=of("loss_maker"),
        action="Decide what to do about the losses in {where}",
        how="Check that costs are booked where they arise, see what else depends on these "
        "segments, then change price or cost, or stop.",
        watch="follow the result by segment, and raise an alert where a loss grows",
        goal="For each loss, it is decided and on record what is done about it",
        is_specific=True,
    ),
    Play(
        categories=of("mix_effect"),
        action="Compare {where} within segments, not over all of them",
        how="Show the figure by segment, or with the shares of the segments held fixed, wherever "
        "the average is shown.",
        watch="follow the shares of the segments beside the figure",
        goal="Every report of the average shows it by segment as well",
        is_specific=True,
    ),
)
