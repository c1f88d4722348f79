"""Actions are registered by name, and a bad one is refused with its reason."""

from __future__ import annotations

import pytest

from bot.actions import ActionContext, ActionRegistry, Arguments, action, builtin_actions
from bot.actions.registry import RESERVED
from bot.errors import PluginError


class GreetArguments(Arguments):
    name: str
    loudly: bool = False


@action("greet", main="name")
async def greet(ctx: ActionContext, args: GreetArguments) -> str:
    """Say hello."""
    return f"hello {args.name}"


def test_an_action_is_made_of_a_function_and_its_annotation() -> None:
    assert (greet.name, greet.args, greet.main, greet.doc) == ("greet", GreetArguments, "name", "Say hello.")
    assert ActionRegistry([greet])["greet"] is greet


def test_every_built_in_action_is_documented_and_has_a_name_of_its_own() -> None:
    registry = builtin_actions()
    assert len(registry) >= 20
    assert all(spec.doc for spec in registry.values())
    assert not set(registry) & RESERVED


def test_numbers_are_accepted_as_text() -> None:
    assert GreetArguments(name=102).name == "102"  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Greet", "greet me", "", "9lives", "x" * 60])
def test_a_name_must_be_lower_case(name: str) -> None:
    with pytest.raises(PluginError, match="cannot be the name of an action"):
        ActionRegistry([action(name, args=GreetArguments)(greet.run)])


@pytest.mark.parametrize("name", ["if", "match", "repeat", "timeout", "try"])
def test_words_of_the_language_are_no_actions(name: str) -> None:
    with pytest.raises(PluginError, match="a word of the flow language"):
        ActionRegistry([action(name, args=GreetArguments)(greet.run)])


def test_a_name_can_be_taken_once() -> None:
    registry = builtin_actions()
    registry.add(greet)
    with pytest.raises(PluginError, match='two actions are called "greet"'):
        registry.add(greet)


def test_a_function_that_is_no_action_is_refused() -> None:
    async def three(ctx: ActionContext, args: GreetArguments, more: int) -> None: ...

    async def vague(ctx, args) -> None:  # type: ignore[no-untyped-def]
        ...

    with pytest.raises(PluginError, match="with two parameters"):
        action("three")(three)
    with pytest.raises(PluginError, match="does not say what its arguments are"):
        action("vague")(vague)
    with pytest.raises(PluginError, match='no argument "nme"'):
        action("greet", args=GreetArguments, main="nme")(greet.run)
