"""Expressions and templates: what they give, what they refuse, and that they end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flows.expressions import BadExpression, Expression, ExpressionFailed
from bot.flows.templates import Template
from tests.effort import little_work

VALUES: dict[str, object] = {
    "caller": {"number": "+16505550199", "name": "{{ 7 * 7 }}"},
    "vars": {"vip": ["+16505550199", "+1"], "items": 3, "text": "a" * 9_000, "big": list(range(900))},
    "n": 3,
    "nothing": None,
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("caller.number in vars.vip", True),
        ('caller["number"]', "+16505550199"),
        ("caller.name", "{{ 7 * 7 }}"),
        ("nothing or n", 3),
        ("n * 2 + 1 == 7 and not nothing", True),
        ("n % 2", 1),
        ("vars.items", 3),
        ("vars.vip|length", 2),
        ("vars.vip[0]", "+16505550199"),
        ("caller.number.startswith('+1')", True),
        ("caller.number|replace('+', '')", "16505550199"),
        ("'yes' if n > 2 else 'no'", "yes"),
        ("missing is defined", False),
        ("missing|default('x')", "x"),
        ("[1, 2]|map('string')|list", ["1", "2"]),
        ("[1, 2]|map('string')", ["1", "2"]),
        ("1.25|round(1)", 1.2),
        ("{'a': {'b': 1}}['a']['b']", 1),
    ],
)
def test_an_expression_has_its_value_with_its_type(source: str, value: object) -> None:
    found = Expression(source).evaluate(VALUES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ n }}", 3),
        ("{{ caller.number }}", "+16505550199"),
        ("{{ caller.name }}", "{{ 7 * 7 }}"),
        ("{{ vars.vip }}", ["+16505550199", "+1"]),
        ("{{ nothing }}", None),
        ("Hello {{ caller.name }}!", "Hello {{ 7 * 7 }}!"),
        ("{{ n }}{{ n }}", "33"),
        ("[{{ nothing }}]", "[]"),
        ("{{ '}}' }}", "}}"),
        ("{{ {'a': {'b': 1}}['a'] }}", {"b": 1}),
        ("plain } text { here", "plain } text { here"),
        ("", ""),
    ],
)
def test_a_template_that_is_one_expression_keeps_the_type(source: str, value: object) -> None:
    found = Template(source).render(VALUES)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "message", "place"),
    [
        ("", "an expression is missing here", (0, 1)),
        ("a b", 'unexpected "b"', (2, 1)),
        ("a +", "the expression is not complete", (2, 1)),
        ("(a", "the expression is not complete", (1, 1)),
        ("a @ b", 'unexpected "@"', (2, 1)),
        ("'a", 'unexpected "\'"', (0, 1)),
        ("a|uper", 'there is no filter "uper"', (2, 4)),
        ("a is odder", 'there is no test "odder"', (5, 5)),
        ("a ** 9", '"**" is not used in expressions', (2, 2)),
        ("a[1:2]", '"[ : ]" is not used in expressions', (1, 1)),
        ("self.x", '"self" is not used in expressions', (0, 4)),
        ("[" * 60, "nested too deeply", (40, 1)),
        ("a" * 5_000, "an expression of more than 4,000 characters", (0, 1)),
    ],
)
def test_a_mistake_has_a_place_in_the_expression(source: str, message: str, place: tuple[int, int]) -> None:
    with pytest.raises(BadExpression) as caught:
        Expression(source)
    assert (caught.value.message, (caught.value.offset, caught.value.length)) == (message, place)


@pytest.mark.parametrize(
    ("source", "message", "offset"),
    [
        ("say {{ caller.name | }}", "the expression is not complete", 19),
        ("say {{ caller.name", "this {{ has no }}", 4),
        ("{{ a }} {{", "this {{ has no }}", 8),
        ("a {% if b %}", '"{%" is not used here', 2),
        ("{{}}", "an expression is missing here", 2),
        ("{{ 'a }}", 'unexpected "\'"', 3),
    ],
)
def test_a_mistake_has_a_place_in_the_template(source: str, message: str, offset: int) -> None:
    with pytest.raises(BadExpression) as caught:
        Template(source)
    assert (caught.value.message, caught.value.offset) == (message, offset)


def test_the_variables_of_a_template_have_their_places() -> None:
    source = "{{ caller.name or queue['Sales'].free }} {{ caller.name }} {{ x is defined }}"
    found = [
        (str(chain), source[chain.offset : chain.offset + 6], chain.guarded) for chain in Template(source).chains
    ]
    assert found == [
        ("caller.name", "caller", False),
        ("queue.Sales.free", "queue[", False),
        ("caller.name", "caller", False),
        ("x", "x is d", True),
    ]
    assert [chain.offset for chain in Template(source).chains][2] == source.rindex("caller")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("caller.foo", "has no attribute 'foo'"),
        ("missing", "'missing' is undefined"),
        ("caller.number + 1", "concatenate"),
        ("1 // 0", "zero"),
        ("vars.vip[7]", "no element 7"),
        ("n.real", "unsafe"),
        ("caller.__class__", "no attribute"),
        ("''.__class__.__mro__", "unsafe"),
        ("caller.name.format()", "not safely callable"),
        ("caller.name.zfill(99)", "callable"),
        ("vars.vip.append(1)", "callable"),
        ("'%999999d' % n", "is for numbers"),
        ("'a' * 999999", "is for numbers"),
        ("vars.big + vars.big", "more than 1,000 values"),
        ("vars.text ~ vars.text", "more than 10,000 characters"),
        ("range(10)", "callable"),
        ("lipsum()", "callable"),
        ("cycler", "undefined"),
        ("[[[[vars.big, vars.big]]]]", "more than 1,000 values"),
    ],
)
def test_what_has_no_value_says_why(source: str, said: str) -> None:
    with pytest.raises(ExpressionFailed, match=said):
        Expression(source).evaluate(VALUES)


def test_numbers_cannot_grow_without_end() -> None:
    source = "*".join(["99999999999999999999"] * 100)
    with pytest.raises(ExpressionFailed, match="a number that is too large"):
        Expression("n*" + source).evaluate(VALUES)


_PIECES = st.sampled_from(
    [
        *(
            "caller",
            "vars.text",
            "n",
            "1",
            "'a'",
            "99999",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            ".",
            ",",
            ":",
            "|",
            "~",
            "+",
        ),
        *("*", "-", "/", "%", "//", "==", " in ", " is ", " not ", " and ", " if ", " else ", "{{", "}}", " ", "'"),
        *("replace", "join", "length", "defined", "upper", "map", "sort", "list", "default", "__class__", "\\", "é"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(_PIECES, max_size=40).map("".join)))
def test_whatever_is_written_ends_in_a_value_or_a_documented_error(source: str) -> None:
    with little_work():
        for make in (Expression, Template):
            offset, length = ends_in(make, source)
            assert 0 <= offset <= len(source)
            assert length >= 1


def ends_in(make: type[Expression] | type[Template], source: str) -> tuple[int, int]:
    """The place of the mistake; (0, 1) when there is none."""
    try:
        made = make(source)
        made.evaluate(VALUES) if isinstance(made, Expression) else made.render(VALUES)
    except BadExpression as error:
        return error.offset, error.length
    except ExpressionFailed:
        pass
    return 0, 1
