"""What a reader of figures should doubt about the logs they come from, in words. Pure."""

from __future__ import annotations

from ebudget.logs.intake import Intake
from ebudget.quantities import DAY, HOUR, MINUTE, SECOND
from ebudget.text import count_of, quoted


def silent_log(intake: Intake) -> str:
    """What a log without a single good outcome says, where it may say more, and what to write."""
    if intake.words and not intake.said:
        words = ", ".join(quoted(word, 40) for word, _ in intake.words[:5])
        return (
            f"no record says in a known word how it went ({words}), so rates of failure cannot be "
            "told. Say what they mean (logs: {outcomes: {success: [WORD], failure: [WORD]}}), or "
            "map another key (logs: {fields: {outcome: KEY}})"
        )
    what = "only failures are named" if intake.said else "no record says how it went"
    keys = ""
    if intake.maybe_outcomes:
        keys = f"; keys that may hold the outcome: {', '.join(intake.maybe_outcomes)}"
    return (
        f"{what}: no outcome says that a run went well, so rates of failure cannot be told{keys}. "
        "Map the key (logs: {fields: {outcome: KEY}}), or, if this log names failures only, write "
        "logs: {no_outcome: success}"
    )


def assumed_successes(count: int, intake: Intake) -> str:
    """That silence was taken for success, because the policy says so."""
    runs = count_of(count, "run")
    success = "a success" if count == 1 else "successes"
    keys = ""
    if intake.maybe_outcomes:
        keys = f"; keys that may hold the outcome: {', '.join(intake.maybe_outcomes)}"
    return f"{runs} without an outcome counted as {success} (logs.no_outcome){keys}"


def twins(intake: Intake) -> str | None:
    """Whether what records are known by is a key; None where nothing speaks against it."""
    if not intake.duplicates_apart:
        return None
    key = "run_id" if intake.key == ("workflow", "run_id") else ", ".join(intake.key)
    many = "1 record has" if intake.duplicates == 1 else f"{intake.duplicates:,} records have"
    apart = "which is" if intake.duplicates == 1 else f"{intake.duplicates_apart:,} of them"
    return (
        f"{many} the same {key} as a later one, {apart} more than a day apart or with another "
        "outcome: is it unique? see logs.key, such as [workflow, run_id, day]"
    )


def ahead(intake: Intake) -> str | None:
    """How far records are ahead of the machine's clock; None where none is."""
    if not intake.future:
        return None
    records = count_of(intake.future, "record")
    lead = f", the latest by {duration_of(intake.lead)}" if intake.lead else ""
    return (
        f"{records} dated more than 5 minutes after this machine's clock{lead}: is logs.timezone "
        "right?"
    )


def duration_of(micros: int) -> str:
    """A length of time, to two units: `20h 3m`."""
    parts: list[str] = []
    for letter, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        count, micros = divmod(micros, size)
        if count or parts:
            parts.append(f"{count}{letter}")
    return " ".join(parts[:2]) or "0s"


def part_of(part: int, whole: int, noun: str) -> str:
    """`1 of 1 run`, `3 of 2,000 records`."""
    return f"{part:,} of {count_of(whole, noun)}"
