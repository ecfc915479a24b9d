"""What-ifs against the real thing: other policies parsed anew, other logs written and read anew.

Every comparison is exact. Examples as in test_oracle_properties; EBUDGET_EXAMPLES multiplies them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

import ebudget
import oracle
from ebudget.accounts.statement import Account, Verdict
from ebudget.ledger.book import Books
from ebudget.policy.allow import DEFAULT, Allowance
from ebudget.policy.allowances import Count, Ratio, numbered
from ebudget.policy.edits import Draft, check_edited, parse_sweep, with_scaled_column
from ebudget.policy.file import parse_document
from ebudget.quantities import duration
from ebudget.whatif import replay
from ebudget.whatif.cuts import Cuts
from ebudget.whatif.history import History
from ebudget.whatif.question import Question, Simulation, simulate
from ebudget.whatif.replay import Replays
from ebudget.whatif.scenarios import Scenario
from ebudget.whatif.suggestions import Suggestions
from ebudget.whatif.sweeps import Sweeps
from ebudget.whatif.traffic import Change, Mended, MoreRuns, Only, Without
from oracle import DAY, Log, first_instant, label_of, to_micros, to_moment
from strategies import (
    ALERTS,
    ANCHORS,
    CONDITIONS,
    LINES,
    RULES,
    SELECTORS,
    SHARES,
    Case,
    allowances,
    cases,
    edges,
    examples,
    logs,
    policies,
    spends,
)
from support import account_figures, policy_text, question_of, run, stamp, statement_of, written
from support import read as read_logs

Group = tuple[tuple[str, str | None], ...]


def drawn(count: int) -> settings:
    """So many examples; a failing one is shown as it was drawn: a smaller one takes minutes."""
    return settings(examples(count), phases=(Phase.explicit, Phase.generate))


def draft_of(policy: Mapping[str, Any]) -> Draft:
    return Draft(*parse_document(policy_text(policy), "budgets.yaml"))


def answered(question: Question, case: Case, paths: Sequence[str], **options: Any) -> Simulation:
    ledger = ledger_for(question, case, paths, **options)
    return simulate(question, ledger)


def ledger_for(
    question: Question, case: Case, paths: Sequence[str], **options: Any
) -> ebudget.Ledger:
    options = {"as_of": case.as_of, "clock": case.clock, "threads": 1, **options}
    return read_logs(paths, question.plan(), **options)


def under(policy: ebudget.Policy, *changes: Change) -> Scenario:
    return Scenario("other", policy, tuple(changes))


def read(case: Case, policy: Any, paths: Sequence[str], **options: Any) -> ebudget.Statement:
    options = {"clock": case.clock, "as_of": case.as_of, "threads": 1, **options}
    return statement_of(policy, paths, **options)


def bare(account: Account) -> Account:
    """An account without breakdowns, which what-ifs do not make."""
    rule = account.terms.rule.model_copy(update={"by": ()})
    terms = replace(account.terms, rule=rule)
    return replace(account, terms=terms, breakdown=(), days=())


def plain(accounts: Sequence[Account], *dropped: str) -> list[dict[str, Any]]:
    found = [account_figures(bare(account)) for account in accounts]
    return [{k: v for k, v in one.items() if k not in dropped} for one in found]


# Other terms


def text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


@st.composite
def edits(draw: st.DrawFn, policy: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:  # noqa: PLR0915
    """`BUDGET.KEY=VALUE`, and the policy that somebody would have written in its place."""
    name = draw(st.sampled_from(tuple(policy["budgets"])))
    other = deepcopy(dict(policy))
    budget = other["budgets"][name]
    failures = tuple(policy["failures"])
    valued = any("value_usd" in w for w in policy["workflows"].values())
    key = draw(
        st.sampled_from(
            (
                *("allow", "allow", "allow.", "slo", "window", "freeze_below", "min_runs"),
                *("min_judged", "min_measured", "weights", "weights.", "respond", "respond."),
                *("for", "for.", "of", "spend", "each", "gate.changes", "alerts", "kind"),
            )
        )
    )
    path: tuple[str, ...] = (key,)
    value: Any
    match key:
        case "allow":
            value = draw(allowances(valued))
            budget.pop("slo", None)
        case "slo":
            value = draw(st.sampled_from(("99%", "62.5%", "100%")))
            budget.pop("allow", None)
        case "allow.":
            allow = budget.get("allow")
            assume(isinstance(allow, dict))
            inner = draw(st.sampled_from(sorted(allow)))
            path = ("allow", inner)
            if inner == "by":
                value = draw(st.sampled_from(tuple(LINES)))
            elif inner == "over":
                value = draw(st.sampled_from(("12h", "7d")))
            elif inner in ("amount", "per"):
                value = draw(st.sampled_from((1, 7, "2.5")))
            elif inner in ("of_value", "of_baseline", *oracle.BANDS):
                value = draw(st.sampled_from(("0%", "33%", "120%")))
            else:
                value = draw(st.sampled_from(("0%", "7%", 3, {"amount": 1, "per": 3})))
        case "window":
            value = draw(st.sampled_from(("1h", "12h", "1d", "7d", "14d", "30d", "day", "month")))
        case "freeze_below":
            value = draw(st.sampled_from(("0%", "25%", "62.5%", "100%")))
            budget["gate"] = {**budget.get("gate", {}), "freeze_below": value}
        case "min_runs":
            value = draw(st.sampled_from((0, 1, 3, 20)))
        case "min_judged":
            value = draw(st.sampled_from(SHARES))
        case "min_measured":
            assume(oracle.expression_of(budget["spend"]) is not None)
            value = draw(st.sampled_from(SHARES))
        case "weights":
            assume("class" in budget["spend"])
            value = draw(st.sampled_from(({"B": 2, "C": "0.5"}, {"D": "all"}, "C+", ["A", "D"])))
            budget["spend"] = {"class": value}
        case "weights.":
            assume("class" in budget["spend"])
            letter = draw(st.sampled_from("ABCD"))
            value = draw(st.sampled_from((1, 3, "0.25", "all")))
            weights = oracle.weights_of(budget["spend"]["class"])
            budget["spend"] = {"class": {**weights, letter: value}}
            key = f"weights.{letter}"
        case "respond":
            value = draw(st.sampled_from(({"20%": "look"}, {"90%": "stop", "12.5%": "see"})))
        case "respond.":
            path = ("respond", draw(st.sampled_from(("10%", "62.5%", "100%"))))
            value = draw(st.sampled_from(("call: somebody", "[hold]", "# wait")))
        case "for":
            columns = st.sampled_from(tuple(SELECTORS))
            value = {c: draw(st.sampled_from(SELECTORS[c])) for c in draw(st.sets(columns))}
        case "for.":
            column = draw(st.sampled_from(tuple(SELECTORS)))
            path, value = ("for", column), draw(st.sampled_from(SELECTORS[column]))
        case "of":
            value = draw(st.sampled_from(("all", "labelled", "success", *CONDITIONS)))
        case "spend":
            value = draw(spends(failures))
            assume("min_measured" not in budget or oracle.expression_of(value) is not None)
        case "each":
            value = draw(st.sampled_from((["workflow"], ["segment", "approved"], ["risk_tier"])))
        case "gate.changes":
            path, value = ("gate", "changes"), draw(st.sampled_from(("all", ["prompt"])))
        case "alerts":
            value = draw(st.sampled_from(ALERTS))
        case _:
            value = draw(st.sampled_from(("outcome", "cost", "latency", "quality", "trust")))
    if key in ("freeze_below", "weights") or key.startswith("weights."):
        return f"{name}.{key}={text_of(value)}", other
    at = budget
    for one in path[:-1]:
        at = at.setdefault(one, {})
    at[path[-1]] = value
    if path[0] == "for" and not isinstance(value, dict):
        return f"{name}.{'.'.join(path)}={json.dumps(value)}", other  # a bare * is no YAML
    return f"{name}.{'.'.join(path)}={text_of(value)}", other


@drawn(5)
@given(cases(), st.data())
def test_another_term_gives_every_figure_of_the_policy_that_is_written_with_it(
    case: Case, data: st.DataObject
) -> None:
    """Three what-ifs at once, so that one reading has to serve them all; the second has two."""
    draft = draft_of(case.policy)
    scenarios, others = [], []
    for count in (1, 2, 1):
        texts, other = [], case.policy
        for _ in range(count):
            text, other = data.draw(edits(other))
            texts.append(text)
        parsed = [draft.edit(text) for text in texts]
        if len({edit.path[:1] for edit in parsed}) < count:
            parsed, other = parsed[:1], None
        policy = draft.edited(parsed)
        check_edited(policy, parsed)
        scenarios.append(under(policy))
        others.append(other)
    with written(case.logs) as paths:
        found = answered(question_of(draft.policy, tuple(scenarios)), case, paths)
        assert list(map(bare, read(case, case.policy, paths).accounts)) == list(
            found.outcomes[0].accounts
        )
        for outcome, other in zip(found.outcomes[1:], others, strict=True):
            if other is None:
                continue
            wanted = read(case, other, paths).accounts
            assert plain(outcome.accounts) == plain(wanted)
            assert list(map(bare, outcome.accounts)) == list(map(bare, wanted))
            assert not any(account.breakdown or account.days for account in outcome.accounts)


# Other traffic

COLUMNS = ("workflow", "segment", "risk_tier", "action_type", "environment", "approved")


def counted(case: Case) -> list[oracle.Run]:
    intake, _ = oracle.take_in(
        case.policy,
        case.logs,
        to_micros(case.clock),
        None if case.as_of is None else to_micros(case.as_of),
    )
    return intake.runs


def has(record: Any, part: Mapping[str, str | None], policy: Mapping[str, Any]) -> bool:
    """Whether a record describes a run with these values."""
    found = None if isinstance(record, str) else oracle.canonical(record, policy)
    return found is not None and all(label_of(found, c) == v for c, v in part.items())


def remade(case: Case, make: Any) -> list[Log]:
    """The logs with each record replaced by the records that `make` gives for it."""
    found = [Log(log.path, [r for one in log.records for r in make(one)]) for log in case.logs]
    return [log for log in found if log.records or not log.path.endswith(".parquet")]


@st.composite
def parts(draw: st.DrawFn, runs: Sequence[oracle.Run]) -> dict[str, str | None]:
    """One or two columns with the values of some run."""
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=2, unique=True))
    one = draw(st.sampled_from(runs))
    return {column: label_of(one, column) for column in columns}


def pinned(ledger: ebudget.Ledger) -> dict[str, Any]:
    return {"as_of": to_moment(ledger.as_of)}


def says_as_much(wanted: ebudget.Statement, ledger: ebudget.Ledger) -> bool:
    """Whether another log names good outcomes if, and only if, the log of the ledger does.

    What-ifs go by the whole log; where silence is success, it does not matter.
    """
    return wanted.assumes_success or wanted.intake.good == ledger.intake.good


@drawn(5)
@given(cases(unique=True), st.data())
def test_runs_that_are_left_out_are_runs_that_the_log_never_had(
    case: Case, data: st.DataObject
) -> None:
    """Except `covered`, which tells of the log as it is."""
    runs = counted(case)
    assume(runs)
    draft = draft_of(case.policy)
    first, second, third = (data.draw(parts(runs)) for _ in range(3))
    wholes = {
        "without": ((Without(tuple(first.items())),), lambda r: not in_(first, r)),
        "only": ((Only(tuple(first.items())),), lambda r: in_(first, r)),
        "two": (
            (Without(tuple(first.items())), Without(tuple(second.items()))),
            lambda r: not in_(first, r) and not in_(second, r),
        ),
        "both": (
            (Only(tuple(second.items())), Without(tuple(third.items()))),
            lambda r: in_(second, r) and not in_(third, r),
        ),
    }

    def in_(part: Mapping[str, str | None], record: Any) -> bool:
        return has(record, part, case.policy)

    scenarios = tuple(under(draft.policy, *changes) for changes, _ in wholes.values())
    question = question_of(draft.policy, scenarios)
    with written(case.logs) as paths:
        ledger = ledger_for(question, case, paths)
        found = simulate(question, ledger)
    for outcome, (_, keeps) in zip(found.outcomes[1:], wholes.values(), strict=True):
        kept = remade(case, lambda r, keeps=keeps: [r] if keeps(r) else [])
        with written(kept) as paths:
            wanted = read(case, case.policy, paths, **pinned(ledger)) if paths else None
        if wanted is not None and says_as_much(wanted, ledger):
            assert plain(outcome.accounts, "covered") == plain(wanted.accounts, "covered")


@drawn(6)
@given(cases(unique=True), st.data())
def test_three_times_the_runs_are_the_log_with_each_of_them_three_times(
    case: Case, data: st.DataObject
) -> None:
    runs = counted(case)
    assume(runs)
    draft, part = draft_of(case.policy), data.draw(parts(runs))
    factor = data.draw(st.sampled_from((0, 1, 3)))
    change = MoreRuns(tuple(part.items()), Fraction(factor))
    question = question_of(draft.policy, (under(draft.policy, change),))
    with written(case.logs) as paths:
        ledger = ledger_for(question, case, paths)
        found = simulate(question, ledger)

    def often(record: Any) -> list[Any]:
        if not has(record, part, case.policy):
            return [record]
        ids = [record["run_id"] and f"{record['run_id']}/{n}" for n in range(factor)]
        return [{**record, "run_id": one} for one in ids]

    with written(remade(case, often)) as paths:
        wanted = read(case, case.policy, paths, **pinned(ledger)) if paths else None
    if wanted is not None and says_as_much(wanted, ledger):
        assert plain(found.outcomes[1].accounts, "covered") == plain(wanted.accounts, "covered")


def grown(allow: Any, times: int) -> Any:
    """An allowance for logs that hold everything so many times."""
    if not isinstance(allow, dict):
        return allow if str(allow).endswith("%") else str(Decimal(str(allow)) * times)
    if oracle.line_column(allow) is None:
        return allow
    return {key: one if key == "by" else grown(one, times) for key, one in allow.items()}


@drawn(6)
@given(
    cases(unique=True),
    st.data(),
    st.sampled_from(("0.5", "2.5", "0.1", "1.25")),
    st.sampled_from(("1", "0.5")),
)
def test_a_part_of_a_run_is_what_it_would_be_in_a_log_in_which_it_comes_out_whole(
    case: Case, data: st.DataObject, factor: str, other: str
) -> None:
    """Fixed amounts and minimums are as much larger as the log is; figures are so much smaller."""
    runs = counted(case)
    assume(runs)
    policy = deepcopy(case.policy)
    for budget in policy["budgets"].values():
        budget["min_runs"] = max(budget.get("min_runs", 0), 1)
    draft = draft_of(policy)
    one, two = data.draw(parts(runs)), data.draw(parts(runs))
    first, second = Fraction(factor), Fraction(other)
    changes = (MoreRuns(tuple(one.items()), first), MoreRuns(tuple(two.items()), second))
    question = question_of(draft.policy, (under(draft.policy, *changes),))
    with written(case.logs) as paths:
        ledger = ledger_for(question, case, paths)
        found = simulate(question, ledger)
    whole = first.denominator * second.denominator
    for budget in policy["budgets"].values():
        if "allow" in budget:
            budget["allow"] = grown(budget["allow"], whole)
        budget["min_runs"] *= whole

    def often(record: Any) -> list[Any]:
        if isinstance(record, str):
            return [record]
        times = whole * (first if has(record, one, policy) else 1)
        times *= second if has(record, two, policy) else 1
        return [{**record, "run_id": None}] * int(times)

    with written(remade(case, often)) as paths:
        wanted = read(case, policy, paths, **pinned(ledger)) if paths else None
    if wanted is None or not says_as_much(wanted, ledger):
        return
    mine = found.outcomes[1].accounts
    assert [a.group for a in mine] == [a.group for a in wanted.accounts]
    for account, large in zip(mine, wanted.accounts, strict=True):
        for figure in ("selected", "eligible", "unlabelled", "unmeasured", "instant"):
            assert getattr(account, figure) * whole == getattr(large, figure), figure
        for figure in ("judged", "measured"):
            known = getattr(account, figure)
            assert (None if known is None else known * whole) == getattr(large, figure), figure
        assert (account.verdict, account.lack) == (large.verdict, large.lack)
        assert (account.allowed is None) == (large.allowed is None)
        if account.allowed is not None and large.allowed is not None:
            assert account.allowed * whole == large.allowed
            if not account.instant:
                assert account.spent * whole == large.spent
                assert account.consumed == large.consumed
                assert account.burn == large.burn


def keep_outcomes(policy: dict[str, Any], keeps: Callable[[str], bool]) -> None:
    """Leave only these conditions of `logs.outcomes`; the words stay."""
    outcomes = policy["logs"]["outcomes"]
    for name, (words, when) in {n: oracle.outcome_parts(o) for n, o in outcomes.items()}.items():
        if when is not None and not keeps(when):
            outcomes[name] = list(words)


@drawn(6)
@given(cases(unique=True), st.sampled_from(("1.2", "0.05", "3", "0")))
def test_another_price_is_the_log_with_every_cost_written_anew(case: Case, factor: str) -> None:
    case = replace(case, policy=deepcopy(case.policy))
    case.policy["logs"]["fields"].pop("cost_usd", None)
    keep_outcomes(case.policy, lambda when: "cost_usd" not in RULES[when].reads)

    def readable(record: Any) -> bool:
        cost = None if isinstance(record, str) else oracle.number_of(record.get("cost_usd"))
        return cost is not None

    def rounded(record: Any) -> list[Any]:
        """Costs of six places at most, so that none has to be rounded afterwards, and in range."""
        if not readable(record):
            return [record]
        cost = oracle.number_of(record["cost_usd"])
        assert cost is not None
        if abs(cost) >= 10**12:
            return [{**record, "cost_usd": None}]
        return [{**record, "cost_usd": f"{Decimal(round(cost * 10**6)).scaleb(-6):f}"}]

    def scaled(record: Any) -> list[Any]:
        if not readable(record):
            return [record]
        return [{**record, "cost_usd": f"{Decimal(record['cost_usd']) * Decimal(factor):f}"}]

    case = replace(case, logs=tuple(remade(case, rounded)))
    draft = draft_of(case.policy)
    other = with_scaled_column(draft.policy, "cost_usd", Fraction(factor))
    with written(case.logs) as paths:
        found = answered(question_of(draft.policy, (under(other),)), case, paths)
    with written(remade(case, scaled)) as paths:
        wanted = read(case, case.policy, paths).accounts
    assert plain(found.outcomes[1].accounts) == plain(wanted)


MENDABLE = "failure_reason = 'mend me'"


@drawn(7)
@given(cases(unique=True), st.data(), st.sampled_from(("0", "0.5", "1", "0.25")))
def test_a_mended_failure_is_the_log_in_which_so_many_of_its_runs_went_well(
    case: Case, data: st.DataObject, left: str
) -> None:
    """Every run is there four times, so that the share comes out whole. A run that another rule
    finds, and one that was escalated, is still that. The word of success says it; conditions
    decide no outcome here, for they go before all words.
    """
    policy = deepcopy(case.policy)
    keep_outcomes(policy, lambda when: False)
    policy["logs"]["fields"].pop("outcome", None)
    share, copies = Fraction(left), 4
    policy["failures"] = {
        name: failure
        for name, failure in policy["failures"].items()
        if "reason" not in failure["when"] and "outcome" not in failure["when"]
    }
    kind = data.draw(st.sampled_from("ABCD"))
    policy["failures"]["mendable"] = {"class": kind, "when": MENDABLE}
    if data.draw(st.booleans()):
        policy["failures"]["mendable"]["instant"] = True
    for budget in policy["budgets"].values():
        if not isinstance(budget.get("of"), str) or budget["of"] in CONDITIONS:
            budget.pop("of", None)
        if "class" not in budget["spend"]:
            spent = ({"failure": list(policy["failures"])}, {"sum": "cost_usd"}, {"when": MENDABLE})
            budget["spend"] = data.draw(st.sampled_from(spent))
            if "failure" in budget["spend"]:
                budget.pop("min_measured", None)
    others = [f["when"] for name, f in policy["failures"].items() if name != "mendable"]
    draft = draft_of(policy)
    rest = {"success": 0}

    def marked(record: Any) -> list[Any]:
        if isinstance(record, str):
            return [record]
        reason = "mend me" if record.get("failure_reason") else None
        return [{**record, "failure_reason": reason, "run_id": None}] * copies

    def mended(record: Any) -> list[Any]:
        """Of each four alike, some are rewritten."""
        if isinstance(record, str) or record["failure_reason"] is None:
            return [record]
        rest["success"] = (rest["success"] + 1) % copies
        found = oracle.canonical(record, policy)
        instant = "instant" in policy["failures"]["mendable"]
        if found is None or (found["outcome"] == "infrastructure" and not instant):
            return [record]
        if rest["success"] < share * copies:
            return [record]
        stays = found["outcome"] in ("escalated", "infrastructure") or any(
            RULES[other](found) is True for other in others
        )
        outcome = record["outcome"] if stays else "success"
        return [{**record, "failure_reason": "mended", "outcome": outcome}]

    case = replace(case, policy=policy, logs=tuple(remade(case, marked)))
    change = Mended("mendable", share)
    question = question_of(draft.policy, (under(draft.policy, change),))
    with written(case.logs) as paths:
        ledger = ledger_for(question, case, paths)
        found = simulate(question, ledger)
    with written(remade(case, mended)) as paths:
        wanted = read(case, policy, paths, **pinned(ledger))
    if says_as_much(wanted, ledger):
        assert plain(found.outcomes[1].accounts) == plain(wanted.accounts)


# The past


@st.composite
def histories(draw: st.DrawFn) -> tuple[Case, date, date]:
    """A case that ends two days after a hard day of its zone, and the days around that."""
    name, text = draw(st.sampled_from(ANCHORS))
    zone, moment = ZoneInfo(name), datetime.fromisoformat(text)
    day = moment.astimezone(zone).date()
    end = first_instant(day + timedelta(days=1), zone) - 1
    policy = draw(policies(name))
    marks = [*edges(policy, end), end, end + 1, first_instant(day, zone), end - DAY]
    anchor = end + 2 * DAY
    found = draw(logs(anchor, zone, marks, ZoneInfo(policy["logs"]["timezone"])))
    as_of = to_moment(anchor)
    return Case(policy, found, as_of, as_of), day - timedelta(days=1), day + timedelta(days=1)


def is_known(account: Account, policy: ebudget.Policy, runs: Sequence[oracle.Run]) -> bool:
    """Whether the log holds the whole window, the baseline before it, and the day at its end."""
    times = [run["start_time"] for run in runs]
    form = policy.budgets[account.budget].form_of(dict(account.group))
    begin = account.span.after + 1 - (form.over.micros if form is not None and form.over else 0)
    last = to_moment(max(times)).astimezone(policy.timezone).date()
    end = first_instant(last + timedelta(days=1), policy.timezone) - 1
    return min(times) <= begin and account.span.until <= end


@drawn(6)
@given(histories(), st.data())
def test_a_day_of_the_past_is_the_report_as_of_its_last_microsecond(
    history: tuple[Case, date, date], data: st.DataObject
) -> None:
    case, since, until = history
    draft = draft_of(case.policy)
    past = History(duration("1d"), since, until)
    zone = draft.policy.timezone
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    instants = [first_instant(day + timedelta(days=1), zone) - 1 for day in days]
    with written(case.logs) as paths:
        found = answered(question_of(draft.policy, history=past, replayed=True), case, paths)
        told = found.answer(Replays)
        assert told is not None
        runs = counted(case)
        if not runs:
            assert told.instants == ()
            return
        assert list(told.instants) == [at for at in instants if at <= to_micros(case.as_of)]
        place = data.draw(st.integers(0, len(told.instants) - 1))
        for at in {told.instants[place], told.instants[min(1, len(told.instants) - 1)]}:
            wanted = read(case, case.policy, paths, as_of=to_moment(at))
            steps = [(p.budget, p.group, s) for p in told.accounts for s in p.steps if s.at == at]
            assert [
                (name, group, step.verdict, step.consumed, step.counts, step.firing)
                for name, group, step in steps
            ] == [
                (
                    a.budget,
                    a.group,
                    a.verdict,
                    a.consumed,
                    is_known(a, draft.policy, runs),
                    tuple(sorted({alert.row.severity for alert in a.firing})),
                )
                for a in wanted.accounts
            ]
    for account in told.accounts:
        counts = [step for step in account.steps if step.counts]
        assert sum(account.days.values()) == len(counts)
        assert account.first_breach == next(
            (step.at for step in counts if step.verdict is Verdict.BREACHED), None
        )


# One term over many values

SWEEPS = (
    ("allow", "0%..40%:5%"),
    ("allow", "0..8:1"),
    ("slo", "60%..100%:5%"),
    ("window", "1d..9d:2d"),
    ("min_runs", "0..8:2"),
    ("freeze_below", "0%..100%:12.5%"),
)


@drawn(7)
@given(cases(), st.data())
def test_every_value_of_a_sweep_is_the_policy_with_that_value(
    case: Case, data: st.DataObject
) -> None:
    draft = draft_of(case.policy)
    name = data.draw(st.sampled_from(tuple(case.policy["budgets"])))
    key, span = data.draw(st.sampled_from(SWEEPS))
    sweep = parse_sweep(draft, f"{name}.{key}={span}")
    unit = sweep.unit
    texts = [f"{float(value):g}{unit}" for value in sweep.values]
    scenarios = tuple(under(draft.edited([draft.edit(f"{name}.{key}={t}")])) for t in texts)
    with written(case.logs) as paths:
        question = question_of(draft.policy, scenarios, (sweep,))
        ledger = ledger_for(question, case, paths)
        found = simulate(question, ledger)
    (result,) = found.answer(Sweeps)
    per_value = [
        {a.group: a for a in outcome.accounts if a.budget == name} for outcome in found.outcomes[1:]
    ]
    groups = {group for accounts in per_value for group in accounts}
    assert {line.group for line in result.accounts} == groups
    for line in result.accounts:
        there = [accounts.get(line.group) for accounts in per_value]
        verdicts = tuple(None if a is None else a.verdict for a in there)
        assert line.verdicts == verdicts
        assert [(t.value, t.before, t.after) for t in line.turns] == [
            (value, before, after)
            for value, (before, after) in zip(sweep.values[1:], pairwise(verdicts), strict=True)
            if before is not None and after is not None and before is not after
        ]
        if line.breaks_even is None:
            continue
        assert key == "allow"
        even = line.breaks_even / (100 if unit else 1)
        for share, breached in ((even, False), (even - Fraction(1, 10**15), True)):
            judged = allowing(draft.policy, name, Ratio(share) if unit else Count(share))
            (account,) = [
                a
                for a in simulate(question_of(judged), ledger).statement.accounts
                if (a.budget, a.group) == (name, line.group)
            ]
            if account.verdict.judged and (share >= 0):
                assert (account.verdict is Verdict.BREACHED) == breached


def allowing(policy: ebudget.Policy, name: str, allow: Any) -> ebudget.Policy:
    allow = allow if isinstance(allow, Allowance) else Allowance(((DEFAULT, allow),))
    budget = policy.budgets[name].model_copy(update={"allow": allow, "slo": None})
    return policy.model_copy(update={"budgets": {**policy.budgets, name: budget}})


# What history would have kept

FORMS: tuple[Any, ...] = (
    "3%",
    5,
    {"amount": 2, "per": 50},
    {"of_value": "10%"},
    {"of_baseline": "100%", "over": "2d"},
    {"above_baseline": "20%", "over": "2d"},
    {"around_baseline": "50%", "over": "3d"},
    {"by": "workflow", "a": "3%", "default": {"above_baseline": "15%", "over": "1d"}},
    {"by": "workflow", "a": 5},
)


@st.composite
def daily(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A policy of one budget, and some runs a day for two weeks."""
    terms = draw(st.sampled_from((*({"allow": form} for form in FORMS), {"slo": "97%"})))
    spend = draw(st.sampled_from(({"class": {"B": "0.5", "D": 1}}, {"sum": "cost_usd"})))
    policy = {
        "version": 1,
        "timezone": draw(st.sampled_from(("UTC", "Europe/Berlin"))),
        "failures": {
            "risky": {"class": "D", "when": "failure_reason = 'risky'"},
            "grave": {"class": "D", "when": "failure_reason = 'grave'", "instant": True},
        },
        "workflows": {"a": {"value_usd": 2}, "b": {"value_usd": 1}},
        "budgets": {
            "b": {
                "each": ["workflow"],
                "spend": spend,
                "of": draw(st.sampled_from(("all", "labelled"))),
                **terms,
                "window": draw(st.sampled_from(("1d", "2d", "day", "3d"))),
                "min_runs": draw(st.sampled_from((0, 3))),
            }
        },
    }
    records = []
    start = datetime.fromisoformat("2026-10-18T00:00:00+00:00")
    for day in range(14):
        for _ in range(draw(st.integers(0, 6))):
            reason = draw(st.sampled_from((None, None, None, None, "risky", "other")))
            if draw(st.integers(0, 40)) == 40:
                reason = "grave"
            records.append(
                {
                    "start_time": stamp(
                        start + timedelta(days=day, hours=draw(st.integers(0, 23)))
                    ),
                    "workflow": draw(st.sampled_from("aab")),
                    "outcome": "failure" if reason else "success",
                    "failure_reason": reason,
                    "cost_usd": draw(st.sampled_from((0, "0.1", "0.25", 2))),
                }
            )
    return policy, records


@drawn(8)
@given(daily(), st.sampled_from(("50%", "80%", "95%", "100%")))
def test_a_suggested_line_keeps_as_many_days_as_asked_and_a_hair_less_does_not(
    made: tuple[dict[str, Any], list[dict[str, Any]]], keep: str
) -> None:
    policy, records = made
    assume(records)
    draft, share = draft_of(policy), oracle.percent(keep)
    end = datetime.fromisoformat("2026-11-01T12:00:00+00:00")
    case = Case(policy, (Log("log.jsonl", tuple(records)),), end, end)
    past = History(duration("1d"))
    question = question_of(draft.policy, history=past, suggest=("b",), keep=share)
    with written(case.logs) as paths:
        ledger = ledger_for(question, case, paths)
    found = simulate(question, ledger)
    moments = past.instants(draft.policy, ledger.intake.first, ledger.as_of)
    assert found.answer(Suggestions)

    def days(other: ebudget.Policy, group: Group) -> list[Verdict]:
        told = replay.replayed(Books(other, ledger), past.every, moments)
        return [
            step.verdict
            for one in told.accounts
            if one.group == group
            for step in one.steps
            if step.counts and step.verdict.judged
        ]

    for suggestion in found.answer(Suggestions):
        verdicts = days(draft.policy, suggestion.group)
        assert suggestion.days == len(verdicts)
        form = draft.policy.budgets["b"].form_of(dict(suggestion.group))
        if suggestion.line is None or suggestion.exact is None or suggestion.value is None:
            assert suggestion.reason
            if form is None:
                assert set(verdicts) <= {Verdict.BREACHED}  # by instant events only
                continue
            most = with_amount(form, Fraction(1 if isinstance(form, Ratio) else 10**12))
            best = days(allowing(draft.policy, "b", most), suggestion.group)
            assert not best or sum(v is not Verdict.BREACHED for v in best) < share * len(best)
            continue
        assert suggestion.value >= suggestion.exact
        text = f"version: 1\nbudgets:\n  b:\n    spend: {{class: B}}\n    {suggestion.line}\n"
        text += "workflows: {a: {value_usd: 2}}\n"
        allow = parse_document(text, "pasted.yaml")[0].budgets["b"].allow
        other = allowing(draft.policy, "b", allow)
        kept = days(other, suggestion.group)
        good = sum(verdict is not Verdict.BREACHED for verdict in kept)
        assert len(kept) == len(verdicts)
        assert Fraction(good, len(kept)) == suggestion.kept >= share
        if suggestion.exact > 0:
            less = with_amount(form, suggestion.exact - Fraction(1, 10**15))
            tight = days(allowing(draft.policy, "b", less), suggestion.group)
            assert sum(v is not Verdict.BREACHED for v in tight) < share * len(tight)
            same = with_amount(form, suggestion.exact)
            enough = days(allowing(draft.policy, "b", same), suggestion.group)
            assert sum(v is not Verdict.BREACHED for v in enough) >= share * len(enough)


def with_amount(form: Any, value: Fraction) -> Any:
    return numbered(form, value)


# Cuts


def slices_of(
    records: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> dict[frozenset[int], tuple[tuple[str, Any], ...]]:
    """Every slice of one or two columns, by the places of the records in it."""
    found: dict[frozenset[int], tuple[tuple[str, Any], ...]] = {}
    for size in (1, 2):
        for names in combinations(columns, size):
            for key in {tuple((c, r.get(c)) for c in names) for r in records}:
                held = (n for n, r in enumerate(records) if all(r.get(c) == v for c, v in key))
                found.setdefault(frozenset(held), key)
    return found


def passes(policy: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether one budget over these records is not breached, worked out by hand."""
    budget = policy["budgets"]["b"]
    allow, spend = oracle.line_of(oracle.allow_of(budget), {"environment": None}), budget["spend"]
    if any(r["failure_reason"] == "grave" for r in records) and "class" in spend:
        return False
    if "class" in spend:
        weights = {None: 0, "other": 1, "risky": 3, "grave": 3}
        spent = Fraction(sum(weights[r["failure_reason"]] for r in records))
    else:
        spent = sum((Fraction(str(r["cost_usd"])) for r in records), Fraction(0))
    if isinstance(allow, dict) and "of_value" in allow:
        worth = {"a": 2, "b": 1}
        good = sum(worth[r["workflow"]] for r in records if r["outcome"] == "success")
        allowed = oracle.percent(allow["of_value"]) * good
        judged = bool(good) or spent > 0
    elif isinstance(allow, dict):
        allowed = Fraction(allow["amount"], allow["per"]) * len(records)
        judged = len(records) >= budget["min_runs"]
    elif str(allow).endswith("%"):
        allowed = oracle.percent(allow) * len(records)
        judged = len(records) >= budget["min_runs"]
    else:
        allowed, judged = Fraction(str(allow)), True
    return bool(records) and judged and spent <= allowed


@st.composite
def breached(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    forms = ("5%", "20%", 1, 3, 0, {"amount": 1, "per": 4}, {"of_value": "10%"})
    lined = {"by": "environment", "prod": 100, "default": "10%"}
    terms = draw(st.sampled_from((*({"allow": one} for one in (*forms, lined)), {"slo": "90%"})))
    spend = draw(
        st.sampled_from(
            ({"class": {"B": 1, "C": 3}}, {"class": {"B": 1, "C": 3}}, {"sum": "cost_usd"})
        )
    )
    policy = {
        "version": 1,
        "failures": {
            "risky": {"class": "C", "when": "failure_reason = 'risky'"},
            "grave": {"class": "C", "when": "failure_reason = 'grave'", "instant": True},
        },
        "workflows": {"a": {"value_usd": 2}, "b": {"value_usd": 1}},
        "budgets": {"b": {"spend": spend, "of": "all", **terms, "window": "7d", "min_runs": 0}},
    }
    kinds = []
    for _ in range(draw(st.integers(2, 9))):
        reason = draw(st.sampled_from((None, None, None, "risky", "other")))
        if draw(st.integers(0, 24)) == 24:
            reason = "grave"
        kinds.append(
            run(
                "failure" if reason else "success",
                action_type=draw(st.sampled_from(("mail", "search", None))),
                segment=draw(st.sampled_from(("vip", "smb", "é"))),
                model=draw(st.sampled_from(("m", "n"))),
                workflow=draw(st.sampled_from("ab")),
                failure_reason=reason,
                cost_usd=draw(st.sampled_from((0, "0.1", "0.25", 2))),
            )
        )
    records = [one for one in kinds for _ in range(draw(st.integers(1, 5)))]
    return policy, records


def best_cut(
    policy: Mapping[str, Any], records: Sequence[Mapping[str, Any]], most: int = 3
) -> tuple[int, int] | None:
    """The fewest slices, and the fewest runs that so many give up, that leave a passing account."""
    slices = list(slices_of(records, ("action_type", "segment", "model")))
    for number in range(1, most + 1):
        costs = []
        known: dict[frozenset[int], bool] = {}
        for chosen in combinations(slices, number):
            gone = frozenset().union(*chosen)
            if gone not in known:
                rest = [r for n, r in enumerate(records) if n not in gone]
                known[gone] = passes(policy, rest)
            if known[gone]:
                costs.append(len(gone))
        if costs:
            return number, min(costs)
    return None


@drawn(9)
@given(breached())
def test_a_cut_is_the_best_that_trying_every_set_of_slices_finds(
    made: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    policy, records = made
    assume(not passes(policy, records))
    draft = draft_of(policy)
    end = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    case = Case(policy, (Log("log.jsonl", tuple(records)),), end, end)
    with written(case.logs) as paths:
        found = answered(question_of(draft.policy, cut=("b",)), case, paths)
    assert [a.verdict for a in found.statement.accounts] == [Verdict.BREACHED]
    (cut,) = found.answer(Cuts)
    wanted = best_cut(policy, records)
    if not cut.steps:
        assert cut.reason
        assert wanted is None, f"{cut.reason!r}, but {wanted} is a cut"
        return
    assert wanted is not None or len(cut.steps) > 3
    if wanted is not None:
        assert (len(cut.steps), cut.runs) == wanted
    assert cut.proven
    gone = [dict(step.slice) for step in cut.steps]

    def lost(record: Mapping[str, Any]) -> bool:
        return any(all(record.get(c) == v for c, v in part.items()) for part in gone)

    rest = [record for record in records if not lost(record)]
    assert len(records) - len(rest) == cut.runs == sum(step.runs for step in cut.steps)
    with written([Log("log.jsonl", rest)]) as paths:
        (account,) = read(case, policy, paths).accounts
    assert account.verdict is not Verdict.BREACHED
    assert cut.after is not None
    assert plain([cut.after]) == plain([account])
    assert cut.steps[-1].consumed == account.consumed
