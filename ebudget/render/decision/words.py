"""A decision in words, the same in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from fractions import Fraction

from ebudget.accounts.statement import Account, Verdict
from ebudget.gate.baseline import Since
from ebudget.gate.decision import FAIL, PASS, UNKNOWN, Decision, Ruling, Standing
from ebudget.instants import moment
from ebudget.quantities import MINUTE
from ebudget.render import figures
from ebudget.text import count_of, visible

EXCUSES: Mapping[Standing, str] = {
    Standing.WITHIN_NOISE: "within noise",
    Standing.KNOWN: "as in the baseline",
    Standing.EXEMPT: "exempt",
    Standing.OTHER_CHANGE: "does not stop this type of change",
}
"""Why an account does not count, though it may be over the line."""

_OR_WORSE = {
    Verdict.BREACHED: "breached",
    Verdict.FROZEN: "frozen or breached",
    Verdict.WARNING: "at warning or worse",
}


def name_of(account: Account) -> str:
    """`wrong-outcomes for workflow=triage`."""
    return figures.named(account.budget, account.group)


def answer(decision: Decision) -> str:
    """PASS or FAIL."""
    return "PASS" if decision.answer == PASS else "FAIL"


def why(decision: Decision) -> str:
    """Why it passes or fails, in one line."""
    demands = decision.demands
    change = "" if demands.change is None else f"{visible(demands.change, 60)} change: "
    reason = {FAIL: _what_stops, UNKNOWN: _what_is_missing, PASS: _what_passes}[decision.answer]
    quiet = demands.exit_zero and decision.answer != PASS
    return f"{change}{reason(decision)}{' (exit code 0 by --exit-zero)' if quiet else ''}"


def sentence(decision: Decision) -> str:
    """The first line: pass or fail, and why."""
    return f"{answer(decision)}  {why(decision)}"


def _what_stops(decision: Decision) -> str:
    against = decision.of(Standing.AGAINST)
    if len(against) == 1:
        return f"{name_of(against[0].account)} {_state(against[0])}"
    count = count_of(len(against), "account")
    states = {state_of(ruling) for ruling in against}
    if decision.demands.change is not None:
        return f"{count} do not allow it, {_tally(against)}: {_first(against)}"
    if len(states) == 1:
        return f"{count} are {states.pop()}: {_first(against)}"
    return f"{count} fail, {_tally(against)}: {_first(against)}"


def _first(rulings: Sequence[Ruling], most: int = 2) -> str:
    names = ", ".join(name_of(ruling.account) for ruling in rulings[:most])
    return names + (f" and {len(rulings) - most:,} more" if len(rulings) > most else "")


def _state(ruling: Ruling) -> str:
    if not ruling.crosses:
        severities = sorted({alert.row.severity for alert in ruling.alerts})
        return f"burns too fast ({' and '.join(severities)} alert)"
    verdict = ruling.account.verdict
    return "is at warning" if verdict is Verdict.WARNING else f"is {verdict.value}"


def state_of(ruling: Ruling) -> str:
    """What is wrong with an account that stops a change."""
    return figures.WORDS[ruling.account.verdict] if ruling.crosses else "burning too fast"


def _tally(rulings: Iterable[Ruling]) -> str:
    counts = Counter(state_of(ruling) for ruling in rulings)
    return ", ".join(f"{count:,} {state}" for state, count in counts.items())


def _what_is_missing(decision: Decision) -> str:
    missing = decision.of(Standing.NO_EVIDENCE)
    if decision.shortfalls:
        more = len(decision.shortfalls) + len(missing) - 1
        rest = f" (and {more:,} more)" if more else ""
        return f"not enough evidence: {visible(decision.shortfalls[0])}{rest}"
    if len(missing) == 1:
        account = missing[0].account
        return f"not enough evidence: {name_of(account)}: {reason_of(account)}"
    return f"not enough evidence: {len(missing):,} accounts cannot be judged: {_first(missing)}"


def reason_of(account: Account) -> str:
    """Why an account has no judgement."""
    return visible(account.reason or "no evidence")


def _what_passes(decision: Decision) -> str:
    demands, passing = decision.demands, decision.of(Standing.PASSES)
    worse = _OR_WORSE[demands.line]
    if len(passing) == 1:
        said = f"{name_of(passing[0].account)} is not {worse}"
    elif passing:
        said = f"{len(passing):,} accounts, none of them {worse}"
    else:
        said = "nothing stops it" if demands.change is not None else "nothing counts against it"
    notes = []
    for standing, excuse in EXCUSES.items():
        over = [ruling for ruling in decision.of(standing) if ruling.over_line or ruling.alerts]
        known = decision.of(standing) if standing is Standing.KNOWN else over
        if known:
            notes.append(f"{_verdicts(known)} {excuse}")
    unjudged = len(decision.of(Standing.UNJUDGED)) + len(decision.remarks)
    if unjudged:
        notes.append(f"{unjudged:,} without evidence")
    return said + (f"; not counted: {', '.join(notes)}" if notes else "")


def _verdicts(rulings: Iterable[Ruling]) -> str:
    counts = Counter(figures.WORDS[ruling.account.verdict] for ruling in rulings)
    return " and ".join(f"{count:,} {verdict}" for verdict, count in counts.items())


def lines_of(ruling: Ruling, zone: tzinfo) -> list[str]:
    """What there is to say of an account that stops a change, line by line."""
    since = f" · {ruling.since} since the baseline" if ruling.since else ""
    return [
        figures_of(ruling) + since,
        *burn_of(ruling),
        promise_of(ruling.account),
        passes_again(ruling, zone),
    ]


def figures_of(ruling: Ruling) -> str:
    """What was spent, and how sure it is that this is too much."""
    account = ruling.account
    parts = [f"{figures.spent_of_allowed(account)} {_window(account)}"]
    if account.verdict is not Verdict.BREACHED:
        parts.append(f"{figures.remaining(account)} left")
        if ruling.crosses and ruling.line != 1 and not ruling.certainty:
            parts.append(f"the line is at {figures.percent(ruling.line)} spent")
    elif account.consumed is not None:
        parts.append(f"{figures.consumed(account)} spent")
    if account.instant:
        events = count_of(account.instant, "instant event")
        parts.append(f"{events}, each spends the whole budget")
    chance = figures.chance(account, ruling.line)
    if ruling.certainty and ruling.line != 1:
        line = figures.percent(ruling.line)
        parts.append(f"above the line of {line} spent: {ruling.certainty} ({chance})")
    elif chance:
        parts.append(f"{ruling.certainty} ({chance})" if ruling.certainty else chance)
    return ", ".join(parts)


def _window(account: Account) -> str:
    return f"this {account.terms.window}" if account.span.calendar else f"in {account.terms.window}"


def burn_of(ruling: Ruling) -> list[str]:
    """How fast it burns, and the alerts that fire."""
    account = ruling.account
    counted = {alert.row.severity.upper() for alert in ruling.alerts}
    alarms = [
        f"{line} (fails)" if line.partition(":")[0] in counted else line
        for line in figures.alarms(account)
    ]
    if alarms or not account.burn:
        return alarms
    return [figures.peak_burn(account) or "burn 0 in the windows of its alerts"]


def promise_of(account: Account) -> str:
    """Who owns it and what was agreed."""
    owner = f"owner {visible(account.terms.owner)}" if account.terms.owner else "no owner"
    agreed = f"agreed: {visible(account.response)}" if account.response else "nothing agreed yet"
    return f"{owner} · {agreed}"


def passes_again(ruling: Ruling, zone: tzinfo) -> str:
    """When it would pass again."""
    if ruling.passes_again is None:
        return "when it passes again cannot be told"
    when = local(ruling.passes_again, zone)
    return f"passes again by {when} if runs go on as now and nothing more is spent"


def local(micros: int, zone: tzinfo) -> str:
    """A date where it is a local midnight, else with the time and the zone."""
    at = moment(-(-micros // MINUTE) * MINUTE).astimezone(zone)  # "by" is rounded up
    if not (at.hour or at.minute):
        return str(at.date())
    return f"{at:%Y-%m-%d %H:%M} {at.tzname()}"


def since_lines(decision: Decision) -> list[str]:
    """What changed since the baseline, newest troubles first."""
    found: list[str] = []
    for since in Since:
        for ruling in decision.rulings:
            if ruling.since is since:
                verdict = figures.WORDS[ruling.account.verdict]
                found.append(f"{since}: {name_of(ruling.account)} ({verdict})")
    for budget, group in decision.gone:
        found.append(f"breached then, gone now: {figures.named(budget, sorted(group))}")
    return found


def limited(lines: Sequence[str], most: int = 20) -> list[str]:
    """The first lines, and how many more there are."""
    rest = len(lines) - most
    return [*lines[:most], f"and {rest:,} more"] if rest > 0 else list(lines)


def not_counted(decision: Decision) -> list[str]:
    """Accounts over the line that do not count, and why."""
    return [
        f"{name_of(r.account)} ({figures.WORDS[r.account.verdict]}): {EXCUSES[r.standing]}"
        for r in decision.of(*EXCUSES)
        if r.over_line
    ] + [
        f"{name_of(r.account)} (burning too fast): {EXCUSES[r.standing]}"
        for r in decision.of(Standing.KNOWN)
        if not r.over_line
    ]


def missing(decision: Decision) -> list[str]:
    """What was not evidence enough: of the logs as a whole, then account by account."""
    found = [visible(shortfall) for shortfall in decision.shortfalls]
    for ruling in decision.of(Standing.NO_EVIDENCE):
        found.append(f"{name_of(ruling.account)}: {reason_of(ruling.account)}")
    return found


def also_missing(decision: Decision) -> list[str]:
    """What was no evidence either, and does not count."""
    found = [visible(remark) for remark in decision.remarks]
    for ruling in decision.of(Standing.UNJUDGED):
        if ruling.warn:
            found.append(f"{name_of(ruling.account)}: {reason_of(ruling.account)}")
    return found


def gaps(decision: Decision) -> list[str]:
    """What the budgets do not rest on, a line each: runs that nobody has judged where that
    matters, or whose value is not known; and the account with the largest share of them.
    """
    accounts: dict[str, list[Account]] = {}
    for ruling in decision.rulings:
        accounts.setdefault(ruling.account.budget, []).append(ruling.account)
    return [
        line for budget, found in accounts.items() if (line := _gaps_of(budget, found)) is not None
    ]


def _gaps_of(budget: str, accounts: Sequence[Account]) -> str | None:
    parts = []
    for count, what in ((_unjudged, "not judged"), (_unmeasured, "not measured")):
        total, missing = sum(a.selected for a in accounts), sum(map(count, accounts))
        if not missing:
            continue
        most = max(
            (a for a in accounts if a.selected), key=lambda a: Fraction(count(a), a.selected)
        )
        where = ""
        if len(accounts) > 1:
            where = (
                f" (most of {figures.group_text(most.group)}: {count(most):,} of {most.selected:,})"
            )
        parts.append(f"{missing:,} of {count_of(total, 'run')} {what}{where}")
    return f"{visible(budget, 60)}: {'; '.join(parts)}" if parts else None


def _unjudged(account: Account) -> int:
    return 0 if account.judged is None else figures.unjudged(account)


def _unmeasured(account: Account) -> int:
    return account.unmeasured


def lowered(decision: Decision) -> list[str]:
    """Accounts that pass and whose spend is lower for amounts below zero."""
    return [
        f"{name_of(account)}: {figures.negative(account)}"
        for account in (ruling.account for ruling in decision.of(Standing.PASSES))
        if account.negative
    ]


def sections(decision: Decision) -> list[tuple[str, list[str]]]:
    """What every format lists beside the accounts that stop a change; empty lists are left out."""
    also = "Also n" if decision.answer == FAIL else "N"
    found = [
        (f"{also}ot enough evidence", missing(decision)),
        ("Without evidence, and not counted", also_missing(decision)),
        ("Over the line, and not counted", not_counted(decision)),
        ("Passes with negative values", lowered(decision)),
        ("Not judged or not measured", gaps(decision)),
    ]
    if decision.baseline is not None:
        nothing = ["nothing newly breached, worse or recovered"]
        title = f"Since the baseline of {figures.when(decision.baseline.as_of)}"
        found.append((title, since_lines(decision) or nothing))
    return [(title, lines) for title, lines in found if lines]


def others(decision: Decision) -> str:
    """The accounts that are not named one by one."""
    passing = len(decision.of(Standing.PASSES))
    text = f"{count_of(passing, 'account')} pass{'es' if passing == 1 else ''}."
    aside = Counter(
        ruling.account.budget
        for ruling in decision.of(Standing.EXEMPT, Standing.OTHER_CHANGE)
        if not ruling.over_line
    )
    if aside:
        change = visible(decision.demands.change or "", 60)
        names = ", ".join(f"{visible(name, 60)} ({count:,})" for name, count in aside.items())
        text += f" Not asked about {change} changes: {names}."
    quiet = sum(not ruling.warn for ruling in decision.of(Standing.UNJUDGED))
    return text + (f" {quiet:,} cannot be judged and need not be." if quiet else "")
