"""Figures as people read them: rounded, but never across a line that the verdict did not cross."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from fractions import Fraction

from ebudget.accounts.selection import NO_VALUE
from ebudget.accounts.statement import Account, Group, Statement, Verdict
from ebudget.instants import moment, timestamp
from ebudget.quantities import MINUTE
from ebudget.text import count_of, visible

MINUS = "−"

WORDS = {
    Verdict.OK: "ok",
    Verdict.WARNING: "warning",
    Verdict.FROZEN: "frozen",
    Verdict.BREACHED: "breached",
    Verdict.INSUFFICIENT: "too few",
    Verdict.NO_DATA: "no data",
}
"""What a table calls a verdict."""
WORST_FIRST = sorted(Verdict, key=lambda verdict: -verdict.severity)


def worst_first(accounts: Iterable[Account]) -> list[Account]:
    """The worst verdict first, else as they come."""
    return sorted(accounts, key=lambda account: -account.verdict.severity)


def firing(account: Account) -> list[str]:
    """The severities of the alerts that fire."""
    return sorted({alert.row.severity for alert in account.firing})


def compared(left: Fraction, right: Fraction) -> int:
    """Below zero, zero or above: on which side of the right the left one lies."""
    return _sign(left.numerator * right.denominator - right.numerator * left.denominator)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _units(value: Fraction, scale: int) -> int:
    """A value in so many parts of 1, half away from zero; whole numbers, for it is asked often."""
    over, under = value.numerator, value.denominator
    whole = (2 * abs(over) * scale + under) // (2 * under)
    return whole if over >= 0 else -whole


def rounded(value: Fraction, digits: int) -> Fraction:
    """Half away from zero."""
    return Fraction(_units(value, 10**digits), 10**digits)


def plain(value: Fraction, digits: int, *, least: int = 0) -> str:
    """A number with at most so many decimals, thousands marked; at least `least` decimals."""
    units = _units(value, 10**digits)
    whole, rest = divmod(abs(units), 10**digits)
    decimals = f"{rest:0{digits}}".rstrip("0").ljust(min(least, digits), "0") if digits else ""
    text = f"{whole:,}.{decimals}" if decimals else f"{whole:,}"
    return (MINUS if units < 0 else "") + text


def between_lines(value: Fraction, lines: Iterable[Fraction], digits: int, most: int = 9) -> int:
    """The fewest decimals, from `digits` on, that keep a value on its side of every line."""
    checked = [(one.numerator, one.denominator, compared(value, one)) for one in lines]
    for count in range(digits, most):
        scale = 10**count
        units = _units(value, scale)
        if all(_sign(units * under - over * scale) == side for over, under, side in checked):
            return count
    return most


def percent(value: Fraction | None, lines: Iterable[Fraction] = (), digits: int = 0) -> str:
    """A share in percent; `lines` are shares that the rounding must not cross."""
    if value is None:
        return "∞"
    scaled = value * 100
    count = between_lines(scaled, [line * 100 for line in lines], digits)
    return plain(scaled, count, least=digits) + "%"


def remaining(account: Account) -> str:
    """What is left of the allowance."""
    if account.allowed is None or account.blank:
        return "–"
    if account.remaining is None:
        return without_end(account.spent)
    lines = [Fraction(0), Fraction(1), *(1 - line for line in account.terms.lines)]
    return percent(account.remaining, lines)


def without_end(spent: Fraction) -> str:
    """What is left where nothing is allowed and something was spent, or less than nothing."""
    return "∞" if spent < 0 else MINUS + "∞"


def consumed(account: Account) -> str:
    """What is spent of the allowance."""
    if account.blank:
        return "–"
    if account.consumed is None and account.spent < 0:
        return MINUS + "∞"
    return percent(account.consumed, [Fraction(0), *account.terms.lines])


def spent_of_allowed(account: Account, *, unit: bool = True) -> str:
    """`22 of 7.7 runs`, `41 of 90 min`, `$66.26 of $64.08`; a count's unit can be left out.

    Where nothing was judged or measured, 0 is no figure: `– of $64.08`.
    """
    money = account.terms.unit.name == "USD"
    allowed = account.allowed
    digits = 2 if money or (allowed is not None and 0 < allowed < 1) else 1
    if money:
        digits = max(_cents(account.spent), digits if allowed is None else _cents(allowed))
    lines = [Fraction(0)] if allowed is None else [Fraction(0), allowed]
    count = between_lines(account.spent, lines, digits)
    if allowed is not None:
        count = max(count, between_lines(allowed, [Fraction(0), account.spent], digits))
        while count < 9 and compared(
            rounded(account.spent, count), rounded(allowed, count)
        ) != compared(account.spent, allowed):
            count += 1
    least = 2 if money else 0
    sign = "$" if money else ""
    spent = _signed(plain(account.spent, count, least=least), sign)
    if account.blank and not account.spent:
        spent = "–"
    tail = ""
    if not money and (unit or account.terms.unit.name in SHORT):
        tail = _tail(rounded(account.spent if allowed is None else allowed, count), account)
    if allowed is None:
        return f"{spent}{tail}"
    return f"{spent} of {_signed(plain(allowed, count, least=least), sign)}{tail}"


def part_of(part: Fraction, whole: Fraction, account: Account) -> str:
    """A part of what an account spent: `16 of 22 tickets`, `$3.20 of $61.20`."""
    money = account.terms.unit.name == "USD"
    digits = between_lines(part, [Fraction(0), whole], _cents(part) if money else 1)
    least, sign = (2, "$") if money else (0, "")
    first, second = (_signed(plain(v, digits, least=least), sign) for v in (part, whole))
    return f"{first} of {second}" + ("" if money else _tail(rounded(whole, digits), account))


def _tail(count: Fraction, account: Account) -> str:
    unit = account.terms.unit
    return " " + unit_for(count, unit.name, noun=unit.noun)


def _cents(value: Fraction) -> int:
    """The decimals of an amount of dollars: two, or three digits of less than a cent."""
    digits = 2
    while value and abs(value) * 10**digits < 100 and abs(value) < Fraction(1, 100) and digits < 9:
        digits += 1
    return digits


def _signed(number: str, sign: str) -> str:
    return MINUS + sign + number[1:] if number.startswith(MINUS) else sign + number


SHORT = ("min", "ms", "USD", "units", "tokens", "retries", "points")
"""Units that stand as they are."""


def unit_for(count: Fraction, unit: str, *, noun: bool) -> str:
    """The unit after a number: `1 run`, `2 runs`; abbreviations and columns stay as they are."""
    shown = visible(unit, 24)
    if count == 1 or not noun or shown in SHORT or shown.endswith("s") or not shown.isascii():
        return shown
    return shown + "s" if shown[-1:].isalpha() else shown


def rate(value: Fraction | None) -> str:
    """A burn rate or a multiple: three digits are enough to read."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 1 else 2
    return plain(value, between_lines(value, [Fraction(0)], digits))


def value_of(value: str | None) -> str:
    """A group's value; a missing one is told from the text `(none)` by its lack of quotes."""
    if value is None:
        return NO_VALUE
    return f'"{value}"' if value == NO_VALUE else visible(value, 60)


def group_text(group: Iterable[tuple[str, str | None]]) -> str:
    """A group, such as `workflow=diff, risk_tier=high`."""
    return ", ".join(f"{visible(column)}={value_of(value)}" for column, value in group)


def group_or_all(group: Group) -> str:
    """The same, or that it is every run."""
    return group_text(group) or "all runs"


def named(budget: str, group: Iterable[tuple[str, str | None]], longest: int = 60) -> str:
    """An account, such as `wrong-outcomes for workflow=triage`."""
    text = group_text(group)
    return visible(budget, longest) + (f" for {text}" if text else "")


def when(micros: int) -> str:
    """An instant for people, to the second or as exact as it is."""
    text = timestamp(micros).replace("T", " ").removesuffix("Z")
    return f"{text} UTC"


def as_of(statement: Statement) -> str:
    """`as of 2026-10-31 23:54:00 UTC (newest run)`; without any run nothing tells the instant."""
    if statement.newest and statement.intake.last is None:
        return "no run"
    return f"as of {when(statement.as_of)}{' (newest run)' if statement.newest else ''}"


def head(statement: Statement) -> str:
    """The same at the beginning of a sentence."""
    text = as_of(statement)
    return text[0].upper() + text[1:]


def day_of(micros: int, zone: tzinfo) -> str:
    """The local date of an instant."""
    return moment(micros).astimezone(zone).strftime("%a %m-%d")


def bar(account: Account, width: int, *, ascii_only: bool = False) -> str:
    """What remains of the allowance, as a bar of so many characters between two edges."""
    spent = Fraction(0) if account.allowed is None else account.spent
    return left_bar(account.remaining, spent, width, ascii_only=ascii_only)


def left_bar(left: Fraction | None, spent: Fraction, width: int, *, ascii_only: bool) -> str:
    """The share that is left as a bar; an infinite one is full where less than nothing was spent,
    and else empty.
    """
    share = Fraction(spent < 0) if left is None else left
    return level(share, width, ascii_only=ascii_only)


def level(share: Fraction, width: int, *, ascii_only: bool = False) -> str:
    """A share from 0 to 1 as a bar; an empty or full one is only shown where it is exact."""
    inside = min(Fraction(1), max(Fraction(0), share))
    if ascii_only:
        full = int(inside * width)
        return "[" + "#" * full + "." * (width - full) + "]"
    eighths = int(inside * width * 8)
    if 0 < inside < 1:
        eighths = min(max(eighths, 1), width * 8 - 1)
    full, part = divmod(eighths, 8)
    cells = "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")
    return "▕" + cells.ljust(width, "░") + "▏"


def tally(accounts: Iterable[Account]) -> list[tuple[Verdict, int]]:
    """How many accounts have each verdict, the worst first."""
    counts = dict.fromkeys(WORST_FIRST, 0)
    for account in accounts:
        counts[account.verdict] += 1
    return [(verdict, count) for verdict, count in counts.items() if count]


def summary(accounts: Iterable[Account]) -> str:
    """`3 breached · 1 frozen · 14 ok`."""
    names = {
        Verdict.INSUFFICIENT: "without enough data",
        Verdict.NO_DATA: "without data",
        Verdict.WARNING: "warning",
    }
    parts = [
        f"{count} {names.get(verdict, WORDS[verdict])}"
        + ("s" if verdict is Verdict.WARNING and count > 1 else "")
        for verdict, count in tally(accounts)
    ]
    return " · ".join(parts) or "no accounts"


def peak_burn(account: Account) -> str | None:
    """The fastest burn among the windows of the alerts."""
    known = [(value, window) for window, value in account.burn if value is not None]
    if not known:
        return None
    value, window = max(known, key=lambda pair: pair[0])
    return f"burn {rate(value)} ({window})" if value else None


def alarms(account: Account) -> list[str]:
    """The first alert of each severity that fires."""
    found: dict[str, str] = {}
    rates = dict(account.burn)
    for alert in account.firing:
        row = alert.row
        long, short = rates[row.long.text], rates[row.short.text]
        event, above = f"an instant event in {row.short.text}", f"above {rate(row.factor)}"
        why = event if alert.by_event else above
        found.setdefault(
            row.severity,
            f"{row.severity.upper()}: burn {rate(long)} in {row.long.text} and "
            f"{rate(short)} in {row.short.text}, {why}",
        )
    return list(found.values())


def chance(account: Account, share: Fraction = Fraction(1)) -> str | None:
    """Where the true rate lies, and what is allowed: `95%: 1.6%–2.9%, 1.0% allowed`.

    `share` is the share of the allowance that the rate is held against.
    """
    interval, allowed = account.interval, account.allowed
    if interval is None or not allowed:
        return None
    line = share * allowed / account.eligible
    sides = [Fraction(0), line, Fraction(1)]
    low, high = (percent(Fraction(end), sides, 1) for end in interval)
    limit = percent(line, [Fraction(0), Fraction(1)], 1)
    held = f"{limit} allowed" if share == 1 else f"line at {limit}"
    return f"95%: {low}–{high}, {held}"


def remarks(account: Account) -> list[str]:
    """What qualifies an account's figures."""
    found = []
    if account.terms.rate and account.eligible and not account.instant:
        share = percent(account.spent / account.eligible, [Fraction(0), Fraction(1)], 1)
        found.append(f"{share} of {account.eligible:,}")
    if account.certainty:
        found.append(f"{account.certainty} ({chance(account)})")
    if account.reason:
        found.append(visible(account.reason))
    if account.instant:
        found.append(f"{count_of(account.instant, 'instant event')}, each spends the whole budget")
    found += gaps(account)
    if account.negative:
        found.append(negative(account))
    if account.terms.slo is not None:
        minutes = f"{float((1 - account.terms.slo) * account.span.length / MINUTE):,.4g}"
        objective = percent(account.terms.slo, [Fraction(1)], 1)
        found.append(f"{objective} of {account.terms.window} is {minutes} minutes of full outage")
    return found


def unjudged(account: Account) -> int:
    """The runs of an account that neither somebody nor a rule has judged."""
    if account.judged is None:
        return account.unlabelled
    return account.selected - account.outages - account.judged


def gaps(account: Account) -> list[str]:
    """How many of an account's runs nobody has judged, and of how many the value is not known."""
    found = []
    whole = count_of(account.selected, "run")
    if unjudged(account):
        found.append(f"{unjudged(account):,} of {whole} not judged")
    if account.unmeasured:
        of = "" if found else f" of {whole}"
        found.append(f"{account.unmeasured:,}{of} not measured")
    return [", ".join(found)] if found else []


def negative(account: Account) -> str:
    """What amounts below zero take off the spend."""
    without = amount_of(account.terms.unit.name, account.spent - account.negative)
    return (
        f"negative values of {amount_of(account.terms.unit.name, account.negative)} lower the "
        f"spend; it is {without} without them"
    )


def amount_of(unit: str, value: Fraction) -> str:
    """An amount of a unit: `$1.20`, `−$10.00`, `12.5`."""
    return dollars(value) if unit == "USD" else plain(value, 1)


def dollars(value: Fraction) -> str:
    """US dollars: `$1.20`, `−$10.00`, `$0.00465`."""
    return _signed(plain(value, _cents(value), least=2), "$")
