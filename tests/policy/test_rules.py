"""Rules: a checked expression over the columns of one run, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ebudget.columns import Type
from ebudget.policy.rules.rule import compile_amount, compile_condition, compile_rule
from ebudget.policy.rules.terms import RuleError

TYPES = {
    "outcome": Type.TEXT,
    "failure_reason": Type.TEXT,
    "cost_usd": Type.NUMBER,
    "duration_ms": Type.NUMBER,
    "retries": Type.INTEGER,
    "approved": Type.BOOLEAN,
    "start_time": Type.TIME,
    "tools": Type.LIST,
}
BERLIN = ZoneInfo("Europe/Berlin")
ROW = """
SELECT 'failure' AS outcome, NULL::VARCHAR AS failure_reason, 2.5::DECIMAL(27, 9) AS cost_usd,
  1000::DECIMAL(27, 9) AS duration_ms, 3::BIGINT AS retries, true AS approved,
  TIMESTAMP '2026-07-01 22:30:00' AS start_time, ['a', 'b'] AS tools
"""


def value(text: str) -> object:
    tree = compile_rule(text, TYPES, BERLIN).tree
    ((found,),) = duckdb.sql(f"SELECT {tree.sql('duckdb')} FROM ({ROW})").fetchall()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("outcome = 'failure'", True),
        ("outcome in ('failure', 'x') and cost_usd > 2", True),
        ("outcome not in ('failure')", False),
        ("failure_reason = 'x'", None),
        ("failure_reason is null", True),
        ("approved is not true", False),
        ("not approved or retries >= 3", True),
        ("cost_usd between 2 and 3", True),
        ("outcome like 'fail%' and outcome not ilike 'FAILS%'", True),
        ("outcome not like 'fail%'", False),
        ("outcome not like 'x%' and outcome not in ('x') and retries not between 4 and 5", True),
        ("outcome is not distinct from 'failure' and not (retries is null)", True),
        ("list_contains(tools, 'b') and not list_contains(tools, 'c')", True),
        ("starts_with(outcome, 'fail') and ends_with(outcome, 'ure')", True),
        ("contains(outcome, 'il') and regexp_matches(outcome, '^f.*e$')", True),
        ("length(outcome) = 7 and length(tools) = 2", True),
        ("start_time >= '2026-07-02'", True),
        ("start_time >= '2026-07-02T00:31:00'", False),
        ("start_time < '2026-07-01T23:00:00Z'", True),
        ("date_part('hour', start_time) = 0 and date_part('day', start_time) = 2", True),
        ("extract(hour from start_time) = 0", True),
        ("coalesce(failure_reason, 'none') = 'none'", True),
        ("case when retries > 2 then cost_usd else 0 end = 2.5", True),
        ("case outcome when 'failure' then 1 end = 1", True),
        ("approved is distinct from false", True),
        ("lower(upper(outcome)) = 'failure'", True),
        ("greatest(cost_usd, retries) = 3 and least(cost_usd, retries) = 2.5", True),
        ("nullif(retries, 3) is null", True),
        ("cast(outcome as decimal) is null", True),
        ("try_cast('7' as bigint) = 7", True),
        ("outcome || 'x' = 'failurex'", True),
        ("OUTCOME = 'failure'", True),
        ("-cost_usd < 0 and abs(-cost_usd) = cost_usd", True),
    ],
)
def test_conditions_mean_what_sql_says(text, expected):
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cost_usd * 2 + 1", Decimal("6")),
        ("cost_usd / 0", None),
        ("cost_usd % 0", None),
        ("cost_usd / 3", Decimal("0.833333333")),
        ("cost_usd * 100000000000000000 * 100000000000000000", None),
        ("ceil(cost_usd) + floor(cost_usd)", Decimal("5")),
        ("retries + 0.1 + 0.2", Decimal("3.3")),
        ("duration_ms - cost_usd % 2", Decimal("999.5")),
    ],
)
def test_arithmetic_is_exact_and_total(text, expected):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "says", "at"),
    [
        ("aproved is true", "unknown column 'aproved'; did you mean 'approved'?", 0),
        ("outcome = 'x' and foo(outcome) = 1", "unknown function 'foo'", 18),
        ("read_text('/etc/passwd') = 'x'", "unknown function 'read_text'", 0),
        ("getenv('HOME') = 'x'", "unknown function 'getenv'", 0),
        ("outcome in (select 1)", "`in` takes a list of values", None),
        ("exists (select 1)", "not allowed", None),
        ("(select 1) = 1", "a query is not allowed", None),
        ("count(*) > 1", "unknown function 'count'", None),
        ("sum(cost_usd) > 1", "unknown function 'sum'", None),
        ("row_number() over () = 1", "not allowed", None),
        ("outcome = 'x' -- comment", "comments are not allowed", None),
        ("outcome /* x */ = 'x'", "comments are not allowed", None),
        ("outcome = 'x'; drop table runs", "without a semicolon", None),
        ("outcome = ?", "a parameter is not allowed", None),
        ("outcome = $1", "a parameter is not allowed", None),
        ("outcome = :x", "a parameter is not allowed", None),
        ("outcome collate nocase = 'x'", "COLLATE is not allowed", None),
        ("list_filter(tools, x -> x = 'a') is null", "unknown function", None),
        ("*", "a star is not allowed", None),
        ("columns('o.*') = 'x'", "not allowed", None),
        ("runs.outcome = 'x'", "a column has no dots", None),
        ("outcome like failure_reason", "a pattern is a constant", None),
        ("regexp_matches(outcome, '(')", "not a regular expression", None),
        ("regexp_matches(outcome, '(?=x)')", "look-around", None),
        ("outcome > 5", "is a number, and what it stands beside is a text", None),
        ("cost_usd", "not a condition", None),
        ("outcome and approved", "is a text, not a condition", None),
        ("outcome like 'x' escape '!'", "ESCAPE is not allowed", None),
        ("start_time > 'soon'", "is not a time", None),
        ("cost_usd = 1e400", "not a plain number", None),
        ("tools = tools", "list_contains", None),
        ("cast(outcome as json) is null", "cast to text", None),
        ("outcome = 'x", "quote", None),
        ("outcome = ", "not complete", None),
        ("", "missing", None),
        ("interval 1 day is null", "an interval is not allowed", None),
        ("tools[1] = 'a'", "not allowed", None),
        ("{'a': 1} is null", "not allowed", None),
        ("ltrim(outcome) = 'x'", "trim is written trim(text)", None),
        ("trim(leading from outcome) = 'x'", "trim is written trim(text)", None),
        ("cast(start_time as date) = '2026-07-02'", "use date_part", None),
        ("outcome = e'\\x41'", "not allowed", None),
        ("x; drop table", "without a semicolon", 1),
        ("approved = = 1", "not a SQL expression: it is not complete", 11),
        ("approved retries retries", "not a SQL expression", None),
        ("-- hi", "an expression is missing", None),
        ("approved;", "without a semicolon", 8),
        ("(approved", "a closing bracket is missing", None),
        ("case when approved then 1", "`case` needs `end`", None),
        ('outcome = "failed"', "a text is written in single quotes: 'failed'", 10),
        ("approved && approved", "two conditions are joined by `and`", None),
    ],
)
def test_what_a_rule_may_not_hold_is_refused(text, says, at):
    with pytest.raises(RuleError) as caught:
        compile_condition(text, TYPES, BERLIN)
    assert says in str(caught.value), str(caught.value)
    assert "oken" not in str(caught.value)
    if at is not None:
        assert caught.value.at == at


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1500 + "approved" + ")" * 1500,
        "not " * 900 + "approved",
        "- " * 1500 + "1 = 1",
        "case when approved then " * 100 + "1" + " end" * 100 + " = 1",
        "approved or " * 400 + "approved",
    ],
)
def test_too_long_or_too_deep_is_refused_and_never_a_crash(text):
    with pytest.raises(RuleError):
        compile_condition(text, TYPES, BERLIN)


def test_a_long_chain_of_or_is_fine():
    text = " or ".join(f"retries = {n}" for n in range(200))
    assert value(text) is True


def test_an_amount_must_be_a_number():
    assert compile_amount("cost_usd * 2", TYPES, BERLIN).columns == {"cost_usd"}
    with pytest.raises(RuleError, match="not a number"):
        compile_amount("outcome", TYPES, BERLIN)
