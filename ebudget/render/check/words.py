"""A decision in words, the same in every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from ebudget.baseline import Since
from ebudget.gate import FAIL, NO_EVIDENCE, PASS, Decision, Ruling, Standing
from ebudget.render import figures
from ebudget.statement import Account, Verdict
from ebudget.text_safety import visible
from ebudget.windows import moment

EXCUSES: Mapping[Standing, str] = {
    Standing.WITHIN_NOISE: "within noise, and only certain ones count",
    Standing.KNOWN: "was so in the baseline, and only new ones count",
    Standing.EXEMPT: "changes of this type are exempt",
    Standing.OTHER_CHANGE: "does not stop changes of this type",
}
"""Why an account does not count, though it may be over the line."""

_OR_WORSE = {
    Verdict.BREACHED: "breached",
    Verdict.FROZEN: "frozen or breached",
    Verdict.WARNING: "at warning or worse",
}


def name_of(account: Account) -> str:
    """`wrong-outcomes for workflow=triage`."""
    group = figures.group_of(account)
    return visible(account.budget, 60) + (f" for {group}" if group else "")


def sentence(decision: Decision) -> str:
    """Pass or fail, and why."""
    demands = decision.demands
    change = "" if demands.change is None else f"{visible(demands.change, 60)} change: "
    word, why = {
        FAIL: ("FAIL", _what_stops),
        NO_EVIDENCE: ("FAIL", _what_is_missing),
        PASS: ("PASS", _what_passes),
    }[decision.answer]
    ends = " (exit code 0 by --exit-zero)" if demands.exit_zero and word == "FAIL" else ""
    return f"{word}  {change}{why(decision)}{ends}"


def _what_stops(decision: Decision) -> str:
    against = decision.of(Standing.AGAINST)
    if len(against) == 1:
        return f"{name_of(against[0].account)} {_state(against[0])}"
    count = figures.count_of(len(against), "account")
    if decision.demands.change is not None:
        return f"{count} do not allow it: {_tally(against)}"
    breached = all(r.over_line and r.account.verdict is Verdict.BREACHED for r in against)
    return f"{count} are breached" if breached else f"{count} fail: {_tally(against)}"


def _state(ruling: Ruling) -> str:
    if ruling.over_line:
        verdict = ruling.account.verdict
        return "is at warning" if verdict is Verdict.WARNING else f"is {verdict.value}"
    return f"burns too fast ({severities(ruling)} alert)"


def severities(ruling: Ruling) -> str:
    """The severities of the alerts that count."""
    return " and ".join(sorted({alert.row.severity for alert in ruling.alerts}))


def _tally(rulings: Iterable[Ruling]) -> str:
    counts: dict[str, int] = {}
    for ruling in rulings:
        state = figures.WORDS[ruling.account.verdict] if ruling.over_line else "burning too fast"
        counts[state] = counts.get(state, 0) + 1
    return ", ".join(f"{count:,} {state}" for state, count in counts.items())


def _what_is_missing(decision: Decision) -> str:
    if decision.shortfalls:
        return f"not enough evidence: {visible(decision.shortfalls[0])}"
    missing = decision.of(Standing.NO_EVIDENCE)
    if len(missing) == 1:
        account = missing[0].account
        return f"not enough evidence: {name_of(account)}: {reason_of(account)}"
    return f"not enough evidence: {len(missing):,} accounts cannot be judged"


def reason_of(account: Account) -> str:
    """Why an account has no judgement."""
    return visible(account.reason or "no evidence")


def _what_passes(decision: Decision) -> str:
    demands = decision.demands
    excused = [
        (decision.of(Standing.WITHIN_NOISE), "within noise"),
        (decision.of(Standing.KNOWN), "as in the baseline"),
        (decision.of(Standing.UNJUDGED), "without evidence"),
    ]
    notes = [f"{len(found):,} {what}" for found, what in excused if found]
    passing = len(decision.of(Standing.PASSES)) + sum(len(found) for found, _ in excused[:2])
    if demands.change is None:
        kind = "newly " if demands.new_only else ""
        kind += "certainly " if demands.confident else ""
        said = f"none of {figures.count_of(passing, 'account')} is {kind}{_OR_WORSE[demands.line]}"
        if not passing:
            said = "no account can be judged, and none has to be"
        elif passing == 1 and not notes:
            said = (
                f"{name_of(decision.of(Standing.PASSES)[0].account)} is not "
                + (_OR_WORSE[demands.line])
            )
    elif passing:
        said = f"{figures.count_of(passing, 'account')} allow{'s' if passing == 1 else ''} it"
    else:
        exempt = {ruling.account.budget for ruling in decision.of(Standing.EXEMPT)}
        said = "no account stops it"
        if exempt:
            said = f"it is exempt in {figures.count_of(len(exempt), 'budget')}"
    return said + (f" ({', '.join(notes)})" if notes else "")


def figures_of(ruling: Ruling) -> str:
    """What was spent, and how sure it is that this is too much."""
    account = ruling.account
    parts = [f"{figures.spent_of_allowed(account)} in {_window(account)}"]
    if account.verdict is Verdict.BREACHED:
        if account.consumed is not None:
            parts.append(f"{figures.consumed(account)} spent")
    else:
        parts.append(f"{figures.remaining(account)} left")
    if ruling.over_line and ruling.share != 1:
        parts.append(f"fails at {figures.percent(ruling.share)} spent")
    if account.instant:
        parts.append(figures.count_of(account.instant, "instant event"))
    chance = figures.chance(account, ruling.share)
    if chance:
        parts.append(f"{ruling.certainty} ({chance})" if ruling.certainty else chance)
    return ", ".join(parts)


def _window(account: Account) -> str:
    return f"this {account.window}" if account.span.calendar else account.window


def burn_of(ruling: Ruling) -> list[str]:
    """How fast it burns, and the alerts that fire."""
    account = ruling.account
    alarms = figures.alarms(account)
    peak = figures.peak_burn(account)
    return alarms or ([peak] if peak else [])


def promise_of(account: Account) -> str:
    """Who owns it and what was agreed."""
    parts = []
    if account.owner:
        parts.append(f"owner {visible(account.owner)}")
    if account.response:
        parts.append(f"agreed: {visible(account.response)}")
    return " · ".join(parts) or "nothing is agreed: no owner, no respond line"


def passes_again(ruling: Ruling, zone: tzinfo) -> str:
    """When it would pass again."""
    if ruling.passes_again is None:
        return "when it passes again cannot be told"
    at = moment(ruling.passes_again).astimezone(zone)
    midnight = not (at.hour or at.minute or at.second or at.microsecond)
    when = str(at.date()) if midnight else figures.when(ruling.passes_again)
    return f"passes again by {when} if nothing more is spent"


def since_lines(decision: Decision) -> list[str]:
    """What changed since the baseline, newest troubles first."""
    found: list[str] = []
    for since in Since:
        for ruling in decision.rulings:
            if ruling.since is since:
                verdict = figures.WORDS[ruling.account.verdict]
                found.append(f"{since}: {name_of(ruling.account)} ({verdict})")
    for budget, group in decision.gone:
        values = ", ".join(f"{column}={figures.value_of(value)}" for column, value in sorted(group))
        named = visible(budget, 60) + (f" for {values}" if values else "")
        found.append(f"breached then, gone now: {named}")
    return found


def limited(lines: Sequence[str], most: int = 20) -> list[str]:
    """The first lines, and how many more there are."""
    rest = len(lines) - most
    return [*lines[:most], f"and {rest:,} more"] if rest > 0 else list(lines)


def not_counted(decision: Decision) -> list[str]:
    """Accounts over the line that do not count, and why."""
    excused = decision.of(*EXCUSES)
    return [
        f"{name_of(r.account)} ({figures.WORDS[r.account.verdict]}): {EXCUSES[r.standing]}"
        for r in excused
        if r.over_line or r.standing in (Standing.KNOWN, Standing.WITHIN_NOISE)
    ]


def not_evidence(decision: Decision) -> list[str]:
    """What was no evidence: of the logs as a whole, then account by account."""
    found = [visible(shortfall) for shortfall in decision.shortfalls]
    for ruling in decision.of(Standing.NO_EVIDENCE):
        found.append(f"{name_of(ruling.account)}: {reason_of(ruling.account)}")
    for ruling in decision.of(Standing.UNJUDGED):
        if ruling.warn:
            why = reason_of(ruling.account)
            found.append(f"{name_of(ruling.account)}: {why} (does not count)")
    return found


def others(decision: Decision) -> str:
    """How many accounts are not named one by one."""
    quiet = [r for r in decision.of(Standing.UNJUDGED) if not r.warn]
    aside = [r for r in decision.of(Standing.EXEMPT, Standing.OTHER_CHANGE) if not r.over_line]
    passing = len(decision.of(Standing.PASSES))
    parts = [f"{figures.count_of(passing, 'account')} pass{'es' if passing == 1 else ''}"]
    if not passing:
        parts = ["no account passes"]
    if aside:
        change = visible(decision.demands.change or "", 60)
        parts.append(f"{len(aside):,} more would not stop a change of type {change}")
    if quiet:
        parts.append(f"{len(quiet):,} cannot be judged and need not be")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
