"""What can be done in a call that is answered: speak, hold, mute, record, hand it over, park it, end it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.actions.context import ActionContext
from bot.actions.registry import Arguments, action
from bot.actions.ringing import NoArguments, TargetArguments, Text
from bot.media import WavSource
from bot.phone import FlipResult

__all__ = [
    "Parked",
    "flip",
    "hang_up",
    "hold",
    "mute",
    "park",
    "play",
    "say",
    "send_digits",
    "start_recording",
    "stop_recording",
    "transfer",
    "unhold",
    "unmute",
]


class SayArguments(Arguments):
    text: Text = Field(description="what is said", max_length=5000)
    voice: str = Field("", description="a voice of the speech engine; the configured one when empty")
    rate: int = Field(0, ge=0, le=500, description="words a minute; the configured rate when 0")


@action("say", main="text", needs="answered_call")
async def say(ctx: ActionContext, args: SayArguments) -> None:
    """Speak to the other side. Done when all of it was said."""
    call = ctx.call
    await call.say(await ctx.speech.say(args.text, voice=args.voice, rate=args.rate))


class PlayArguments(Arguments):
    file: Path = Field(description="a WAV file, relative to the folder of flows")


@action("play", main="file", needs="answered_call")
async def play(ctx: ActionContext, args: PlayArguments) -> None:
    """Play a WAV file to the other side, to its end."""
    await ctx.call.play(WavSource.open(ctx.folder / args.file))


class DigitsArguments(Arguments):
    digits: Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D,]{1,64}$")] = Field(
        description="0-9 * # A-D; a comma is a pause of one second"
    )


@action("send_digits", main="digits", needs="answered_call")
async def send_digits(ctx: ActionContext, args: DigitsArguments) -> None:
    """Press keys."""
    await ctx.call.send_digits(args.digits)


@action("hold", needs="answered_call")
async def hold(ctx: ActionContext, args: NoArguments) -> None:
    """Have the other side hear the phone system's music, until `unhold`."""
    await ctx.call.hold()


@action("unhold", needs="answered_call")
async def unhold(ctx: ActionContext, args: NoArguments) -> None:
    """Take the other side back from hold."""
    await ctx.call.unhold()


@action("mute", needs="answered_call")
async def mute(ctx: ActionContext, args: NoArguments) -> None:
    """Have the other side hear silence, until `unmute`. What is said meanwhile goes by unheard."""
    ctx.call.mute()


@action("unmute", needs="answered_call")
async def unmute(ctx: ActionContext, args: NoArguments) -> None:
    """Let the other side hear us again."""
    ctx.call.unmute()


@action("start_recording", needs="answered_call")
async def start_recording(ctx: ActionContext, args: NoArguments) -> None:
    """Have the phone system record the call, from now on."""
    await ctx.call.start_recording()


@action("stop_recording", needs="answered_call")
async def stop_recording(ctx: ActionContext, args: NoArguments) -> None:
    """Have the phone system end its recording."""
    await ctx.call.stop_recording()


@action("flip", main="to", needs="answered_call", result=FlipResult)
async def flip(ctx: ActionContext, args: TargetArguments) -> FlipResult:
    """Ring another phone, to which the call goes over once somebody answers there.

    The phone system does not tell when that is. The call stays this run's until a step hangs it up.
    """
    return await ctx.call.flip(ctx.number(args.to))


@action("transfer", main="to", needs="answered_call", ends_call=True)
async def transfer(ctx: ActionContext, args: TargetArguments) -> None:
    """Send the other side on to another number, without announcing it."""
    await ctx.call.transfer(ctx.number(args.to))


class ParkArguments(Arguments):
    location: Text | None = Field(
        None, description="the configuration's name of a park location; without it, an orbit is picked"
    )


@dataclass(frozen=True, slots=True)
class Parked:
    """Where a call was parked. `orbit` is what to dial to pick it up; `location` is empty when it has none."""

    location: str
    orbit: str


@action("park", main="location", needs="answered_call", result=Parked, ends_call=True)
async def park(ctx: ActionContext, args: ParkArguments) -> Parked:
    """Park the call where colleagues can pick it up: at a location, or in an orbit like `*813` that anyone can dial.

    The phone system tells what becomes of a call at a location, and nothing of one in an orbit: `park.parked` and
    `park.retrieved` cannot be waited for then.
    """
    if args.location is None:
        return Parked("", await ctx.call.park_in_orbit())
    place = await ctx.call.park(args.location)
    return Parked(args.location, place.target)


@action("hang_up", needs="call", ends_call=True)
async def hang_up(ctx: ActionContext, args: NoArguments) -> None:
    """End the call, whatever state it is in."""
    await ctx.call.hangup()
