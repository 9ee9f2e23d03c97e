"""Derived facts: computed here from other facts of the task, by a formula that can be computed again."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from newfuse.records.work import Work
from newfuse.types import JSON

DECIMALS = 1  # of a share in percent, as the reports print it

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def derive(
    job: Work, name: str, unit: str, formula: str, *, inputs: Mapping[str, str], says: str, unless: str | None = None
) -> float | None:
    """Record a fact that is computed from others of the same task, and return its value.

    Args:
        job: The task's job.
        name: Dotted name of the fact.
        unit: What is counted.
        formula: Sums, differences, products and quotients of the inputs, e.g. `100 * (taken + held) / valid`.
        inputs: The facts behind the names in the formula.
        says: The formula in words, for the reports.
        unless: Name of a fact; while that is not 0, nobody knows this one.

    Returns:
        The value with one decimal; None where an input is not measured or the formula divides by nothing.
    """
    value: float | None = None
    if unless is None or job.measured(unless) == 0:
        value = evaluate(formula, {letter: job.measured(fact) for letter, fact in inputs.items()})
    source: dict[str, JSON] = {"kind": "derived", "formula": says, "expression": formula, "inputs": dict(inputs)}
    if unless is not None:
        source["unless"] = unless
    job.fact(name, value, unit, **source)
    return value


def evaluate(formula: str, values: Mapping[str, JSON]) -> float | None:
    """Compute a formula; None where a value in it is no number or it divides by nothing.

    Raises:
        ValueError: It holds something else than numbers, names and the four operations, or a name without a value.
    """
    try:
        return round(_value(ast.parse(formula, mode="eval").body, values), DECIMALS)
    except (_NotMeasured, ZeroDivisionError):
        return None


class _NotMeasured(Exception):
    """A value in the formula is not there."""


def _value(node: ast.expr, values: Mapping[str, JSON]) -> float:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name) and node.id in values:
        value = values[node.id]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _NotMeasured
        return value
    raise ValueError(f"{ast.unparse(node)} is no number, no input, and no sum, difference, product or quotient")
