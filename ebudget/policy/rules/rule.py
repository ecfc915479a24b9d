"""Conditions and expressions of a policy: text in, a checked and total syntax tree out.

A rule can reach nothing but the columns of one run. The tree is built anew from an allow-list of
node types, so that nothing of the text reaches a statement unread. Rules are total: a cast that
fails and a division by zero give null, arithmetic is DECIMAL(38, 9), an overflow gives null.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from ebudget import sql
from ebudget.columns import Type
from ebudget.policy.rules.compiler import _NO_PARAMETERS, Compiler
from ebudget.policy.rules.terms import (
    NUMBERS,
    RuleError,
    kind_of,
)

LONGEST = 4_000
"""Characters of one expression."""


@dataclass(frozen=True)
class Rule:
    """A checked expression over the columns of one run."""

    text: str
    type: Type
    tree: exp.Expr
    """Null where a value it needs is missing. Shared: a statement takes a copy."""
    columns: frozenset[str]
    """The columns it reads."""


def compile_rule(source: str, types: Mapping[str, Type], zone: ZoneInfo) -> Rule:
    """Check one expression and build its tree; `zone` is the policy's. Raises RuleError."""
    return _compiled(source, tuple(types.items()), zone)


@lru_cache(maxsize=1_000)
def _compiled(source: str, types: tuple[tuple[str, Type], ...], zone: ZoneInfo) -> Rule:
    # A policy's check, its plan and the ledger's statement ask for the same rules.
    if len(source) > LONGEST:
        raise RuleError(f"longer than {LONGEST:,} characters")
    if not source.strip():
        raise RuleError("an expression is missing")
    try:
        tokens = sqlglot.tokenize(source, read=sql.DIALECT)
        if any(token.comments for token in tokens):
            raise RuleError("comments are not allowed in a rule")
        for token in tokens:
            if token.token_type is TokenType.SEMICOLON:
                raise RuleError("one expression is expected, without a semicolon", token.start)
        _check_cast_types(tokens)
        with _quiet_parser():
            parsed = sqlglot.parse(source, read=sql.DIALECT)
        if len(parsed) != 1 or parsed[0] is None:
            raise RuleError("an expression is missing")
        compiler = Compiler(source, dict(types), zone)
        term = compiler.compile(parsed[0])
    except ParseError as error:
        raise RuleError(*_parse_failure(error, source)) from None
    except TokenError:
        raise RuleError("not a SQL expression; is a quote missing?") from None
    except RecursionError:
        raise RuleError("nested too deeply") from None
    tree = sql.call("try", term.tree) if compiler.overflows else term.tree
    return Rule(source, term.type or Type.BOOLEAN, tree, frozenset(compiler.columns))


_CAST_SIGNS = (TokenType.ALIAS, TokenType.DCOLON)
"""What stands before a type."""


def _check_cast_types(tokens: Sequence[Token]) -> None:
    """Refuse a type with parameters. The tree cannot tell `decimal` from `decimal(18, 3)`."""
    for before, type_, after in zip([None, *tokens], tokens, tokens[1:], strict=False):
        is_type = before is not None and before.token_type in _CAST_SIGNS
        is_type |= type_.token_type is TokenType.DECIMAL
        if is_type and after.token_type is TokenType.L_PAREN:
            raise RuleError(_NO_PARAMETERS, type_.start)


@contextlib.contextmanager
def _quiet_parser() -> Iterator[None]:
    """What the parser would log of a rule is said by RuleError, and escaped where it is shown."""
    logger = logging.getLogger("sqlglot")
    was_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was_disabled


def _parse_failure(error: ParseError, source: str) -> tuple[str, int | None]:
    details = error.errors[0] if error.errors else {}
    at = len(details["start_context"]) if details.get("start_context") is not None else None
    description = str(details.get("description") or "not a SQL expression")
    known = next((plain for word, plain in _PLAINLY.items() if word in description), None)
    return f"not a SQL expression{known or ''}", at


_PLAINLY = {
    "Required keyword": ": it is not complete",
    "Expecting )": ": a closing bracket is missing",
    "Expected AND": ": `between` needs `and`",
    "Expected END": ": `case` needs `end`",
}
"""What the parser complains of, and how it is told. Its other words are about its own insides."""


def with_column(source: str, column: str, text: str) -> str:
    """An expression with another text in place of a column."""
    tokens = sqlglot.tokenize(source, read=sql.DIALECT)
    result, end = [], 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        is_name = token.token_type in (TokenType.VAR, TokenType.IDENTIFIER)
        is_call = following is not None and following.token_type is TokenType.L_PAREN
        if is_name and not is_call and token.text.lower() == column.lower():
            result += [source[end : token.start], text]
            end = token.end + 1
    return "".join([*result, source[end:]])


def compile_condition(source: str, types: Mapping[str, Type], zone: ZoneInfo) -> Rule:
    """Check a condition. Raises RuleError also where it is no condition."""
    rule = compile_rule(source, types, zone)
    if rule.type is not Type.BOOLEAN:
        raise RuleError(
            f"this is {kind_of(rule.type)}, not a condition such as outcome = 'failure'"
        )
    return rule


def compile_amount(source: str, types: Mapping[str, Type], zone: ZoneInfo) -> Rule:
    """Check a numeric expression. Raises RuleError also where it is no number."""
    rule = compile_rule(source, types, zone)
    if rule.type not in NUMBERS:
        raise RuleError(f"this is {kind_of(rule.type)}, not a number such as cost_usd")
    return rule
