"""What a flow can do: one module a family, registered in the same way as a plugin registers its own."""

from bot.actions import placing, ringing, running, talking
from bot.actions.context import ActionContext, Scheduler, Speaker, StopRun
from bot.actions.registry import ActionRegistry, ActionSpec, Arguments, EventName, FlowName, action

__all__ = [
    "ActionContext",
    "ActionRegistry",
    "ActionSpec",
    "Arguments",
    "EventName",
    "FlowName",
    "Scheduler",
    "Speaker",
    "StopRun",
    "action",
    "builtin_actions",
]


def builtin_actions() -> ActionRegistry:
    """A registry with the actions that the bot brings itself; add those of plugins to it."""
    return ActionRegistry(
        [
            ringing.answer,
            ringing.decline,
            ringing.forward,
            ringing.reply,
            ringing.voicemail,
            talking.say,
            talking.play,
            talking.send_digits,
            talking.hold,
            talking.unhold,
            talking.mute,
            talking.unmute,
            talking.start_recording,
            talking.stop_recording,
            talking.flip,
            talking.transfer,
            talking.park,
            talking.hang_up,
            placing.dial,
            placing.retrieve,
            placing.supervise,
            running.wait,
            running.wait_for,
            running.schedule,
            running.set_variables,
            running.log,
            running.stop,
        ]
    )
