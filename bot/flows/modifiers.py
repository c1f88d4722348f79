"""Reading what every step has beside its action: target, save_as, time limit, retries, what to do about errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from bot.actions import ActionSpec
from bot.durations import Duration
from bot.flows.arguments import check_name
from bot.flows.model import Modifiers, Retry, Steps, Written
from bot.flows.reading import Reading, has_template
from bot.flows.scope import Scope
from bot.flows.shapes import CALL, VALUE, Record, Shape
from bot.yaml12 import Entry, Node, Scalar
from bot.yaml12 import Mapping as MappingNode

__all__ = ["ReadSteps", "read_modifiers", "read_target"]

ReadSteps: TypeAlias = Callable[[Reading, Node, Scope, str], tuple[Steps, bool]]
"""How the steps of `on_timeout` and `on_error` are read: `bot.flows.steps.read_steps`."""
ERROR = Record({"message": VALUE, "kind": VALUE}, "an error")
"""What `on_error` can read."""


class RetryModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    times: int = Field(ge=1, le=100, description="how often to try again")
    wait: Duration = Field(0.0, description="how long to wait before each")


def read_target(reading: Reading, node: MappingNode, spec: ActionSpec, scope: Scope) -> str:
    value = node.get("target")
    if value is None:
        return ""
    if not isinstance(value, Scalar):
        reading.say(value.mark, "this must be the name of a saved call")
        return ""
    if value.text == "call":
        return ""
    mistake = scope.target_mistake(value.text)
    if mistake:
        reading.say(value.mark, *mistake)
    elif spec.needs == "none" and not spec.filters:
        reading.say(node.entries["target"].key.mark, f'"{spec.name}" acts on no call, so it has no target')
    return value.text


def read_modifiers(
    reading: Reading, node: MappingNode, key: Scalar, scope: Scope, shape: Shape | None, read_steps: ReadSteps
) -> Modifiers:
    """All but `if` and `target`. `shape` is that of the step's result; None when it has none to save."""
    timeout: Written = None
    if "timeout" in node:
        timeout = _read_duration(reading, node.entries["timeout"].value, scope)
    on_timeout = _read_branch(reading, node, "on_timeout", scope, read_steps)
    if "on_timeout" in node and "timeout" not in node:
        reading.say(node.entries["on_timeout"].key.mark, '"on_timeout" needs a "timeout" in the same step')
    on_error = _read_on_error(reading, node, scope, read_steps)
    return Modifiers(
        mark=key.mark,
        title=key.text,
        name=_read_text(reading, node, "name"),
        save_as=_read_save_as(reading, node, scope, shape),
        timeout=timeout,
        on_timeout=on_timeout,
        retry=_read_retry(reading, node),
        on_error=on_error,
    )


def _read_text(reading: Reading, node: MappingNode, key: str) -> str:
    value = node.get(key)
    if value is None:
        return ""
    if not isinstance(value, Scalar) or not value.text:
        reading.say(value.mark, "this must be text")
        return ""
    return value.text


class _Timeout(BaseModel):
    timeout: Duration


def _read_duration(reading: Reading, node: Node, scope: Scope) -> Written:
    if isinstance(node, Scalar) and has_template(node):
        return reading.template(node, scope)
    key = Scalar(node.mark, "timeout", "timeout")
    made = reading.model(MappingNode(node.mark, {"timeout": Entry(key, node)}), _Timeout)
    return made.timeout if made else None


def _read_branch(
    reading: Reading, node: MappingNode, key: str, scope: Scope, read_steps: ReadSteps, **more: Shape
) -> Steps | None:
    value = node.get(key)
    if value is None:
        return None
    with scope.branch(**more) as inner:
        return read_steps(reading, value, inner, key)[0]


def _read_save_as(reading: Reading, node: MappingNode, scope: Scope, shape: Shape | None) -> str:
    if "save_as" not in node:
        return ""
    value = node.entries["save_as"].value
    if shape is None:
        reading.say(node.entries["save_as"].key.mark, "this step has no result to save")
        return ""
    if not isinstance(value, Scalar) or not value.text:
        reading.say(value.mark, "the name to save the result under is missing")
        return ""
    if not check_name(reading, value, scope):
        return ""
    scope.save(value.text, shape, is_call=shape is CALL)
    return value.text


def _read_retry(reading: Reading, node: MappingNode) -> Retry | None:
    value = node.get("retry")
    if value is None:
        return None
    if isinstance(value, Scalar):
        key = Scalar(value.mark, "times", "times")
        value = MappingNode(value.mark, {"times": Entry(key, value)})
    made = reading.model(value, RetryModel)
    return Retry(made.times, made.wait) if made else None


def _read_on_error(
    reading: Reading, node: MappingNode, scope: Scope, read_steps: ReadSteps
) -> Steps | Literal["continue", "stop"] | None:
    value = node.get("on_error")
    if isinstance(value, Scalar) and value.text == "continue":
        return "continue"
    if isinstance(value, Scalar) and value.text == "stop":
        return "stop"
    return _read_branch(reading, node, "on_error", scope, read_steps, error=ERROR)
