"""What was read, and what a reader should know of the logs before trusting a figure."""

from __future__ import annotations

from fractions import Fraction

from ebudget.accounts.statement import Statement
from ebudget.logs import doubts
from ebudget.logs.formats import ENDINGS
from ebudget.logs.intake import Intake
from ebudget.render import figures
from ebudget.text import count_of, visible


def read_line(statement: Statement) -> str:
    """The conservation law with this statement's numbers."""
    intake = statement.intake
    parts = [count_of(intake.runs, "run")]
    if intake.duplicates:
        parts.append(count_of(intake.duplicates, "duplicate"))
    if intake.rejected_total:
        reasons = ", ".join(f"{count:,} {visible(reason)}" for reason, count in intake.rejected)
        parts.append(f"{intake.rejected_total:,} rejected ({reasons})")
    if intake.outside:
        late = "after as of" if intake.outside > intake.future else "dated after now"
        parts.append(f"{intake.outside:,} outside ({late})")
    return f"{count_of(intake.records, 'record')} = {' + '.join(parts)}"


def judged_line(statement: Statement) -> str:
    """How many runs have been judged."""
    runs = statement.intake.runs - statement.infrastructure
    judged = runs - statement.unlabelled
    labelled = figures.percent(Fraction(judged, runs), [Fraction(1), Fraction(0)]) if runs else "–"
    text = f"{count_of(statement.unlabelled, 'run')} not judged yet ({labelled} labelled)"
    if statement.infrastructure:
        text += f" · {count_of(statement.infrastructure, 'infrastructure run')} kept apart"
    return text


def _doubts(statement: Statement) -> list[str]:
    """What may be wrong with the logs as a whole, or is taken for granted of them."""
    intake = statement.intake
    asks = any(account.judged is not None for account in statement.accounts)
    lacks = any(account.unlabelled for account in statement.accounts)
    silent = asks and lacks and not intake.good and not statement.assumes_success
    found = [
        doubts.assumed_successes(statement.no_outcome, intake) if statement.no_outcome else None,
        doubts.silent_log(intake) if silent else None,
        doubts.twins(intake),
        doubts.ahead(intake),
    ]
    return [visible(text, 2_000) for text in found if text is not None]


def notes(statement: Statement) -> list[str]:
    """What a reader should know of the logs before trusting a figure."""
    intake = statement.intake
    found = _doubts(statement)
    if intake.rejected_total and intake.rejected_total == intake.records:
        found.append(
            "no record counts; if the time has another name, map it: logs.fields.start_time"
        )
    if statement.rejected_values:
        values = ", ".join(f"{visible(name)} × {n:,}" for name, n in statement.rejected_values)
        found.append(f"values that could not be read: {values}")
    if intake.words:
        words = ", ".join(f"{figures.value_of(word)} × {n:,}" for word, n in intake.words)
        found.append(f"outcome words that nobody knows (logs.outcomes can name them): {words}")
    if len(intake.said_by) > 1:
        names = ", ".join(f"{visible(name)} × {n:,}" for name, n in intake.said_by)
        found.append(f"the outcome was found under several names ({names}); map one to be sure")
    if statement.unselected:
        found.append(
            f"{count_of(statement.unselected, 'run')} selected by no budget (no `for` admits "
            f"{'it' if statement.unselected == 1 else 'them'})"
        )
    if statement.before:
        found.append(f"{count_of(statement.before, 'run')} older than every window")
    first = intake.first
    short = {
        account.terms.window: account.covered
        for account in statement.accounts
        if first is not None and first > account.span.after + 1
    }
    if short and first is not None:
        windows = ", ".join(
            f"{window} ({figures.percent(covered, [Fraction(1)])} filled)"
            for window, covered in sorted(short.items(), key=lambda pair: pair[1])
        )
        begins = figures.when(first)[:10]
        found.append(f"the log begins on {begins}, inside the windows {windows}")
    found += [f"skipped {visible(file)}: {visible(why)}" for file, why in intake.unreadable]
    if intake.ignored:
        found.append(_ignored(intake))
    return found


def _ignored(intake: Intake) -> str:
    """The files of folders that are no logs by their names, the first few by name."""
    names = ", ".join(visible(name, 60) for name in intake.ignored_names)
    rest = intake.ignored - len(intake.ignored_names)
    more = f" and {rest:,} more" if names and rest > 0 else ""
    told = f": {names}{more}" if names else ""
    files = count_of(intake.ignored, "file")
    return f"{files} in the folders not read{told} (logs end in {ENDINGS})"
