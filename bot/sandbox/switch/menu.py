"""The reply menu: the caller hears the written reply, and answers it with a key (wire notes, §6)."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.switch.announcements import spoken_digits
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import BaseLeg, Keys, Replied
from bot.sandbox.switch.model import Party, PartyStatus
from bot.sip.rc import Reply, ReplyChoice, ReplyOutcome

__all__ = ["CHOICES", "reply_menu", "reply_text"]

CHOICES = (
    "To hear this again, press 1. To leave a voicemail, press 2. For yes, press 3. For no, press 4. "
    "If it is urgent, press 5. To disconnect, press 6."
)
_FIXED = {
    "on_my_way": "I am on my way.",
    "on_other_line": "I am on the other line. I will be with you soon.",
    "in_a_meeting": "I am in a meeting.",
    "on_other_line_no_call": "I am on the other line and cannot take your call.",
}
_RESPONSES: dict[ReplyChoice, str] = {"yes": "1", "no": "2", "urgent": "3", "none": "0"}
_TAKEN, _VOICEMAIL, _HUNG_UP, _NO_CHOICE = "0", "1", "2", "3"
"""`Sts` of the session close. Only 0 has a documented meaning."""


def reply_text(reply: Reply) -> str:
    """What the caller hears of a reply."""
    if reply.kind == "text":
        return reply.text
    if reply.kind in _FIXED:
        return _FIXED[reply.kind]
    who = "Please call me back" if reply.caller_calls else "I will call you back"
    when = f"in {reply.delay} {reply.units}" if reply.kind == "call_you_back" else "later"
    return f"{who} {when}."


async def reply_menu(call: Call, caller: BaseLeg, replier: Party, replied: Replied) -> bool:
    """Speak the reply and take the caller's choice; the replier is told it once. True: on to voicemail."""
    told = False

    def close(sts: str, choice: ReplyChoice = "none", number: str = "") -> None:
        nonlocal told
        if told:
            return
        told = True
        answering = caller.party
        replied.close(ReplyOutcome(choice, sts, _RESPONSES[choice], number, answering.number, answering.name))
        call.note("reply.closed", replier.number, choice=choice, number=number)

    text = reply_text(replied.reply)
    call.note("reply.sent", replier.number, text=text)
    caller.connected()
    call.move(caller.party, PartyStatus.ANSWERED)
    try:
        with caller.keys() as keys:
            return await _choose(call, caller, keys, f"{replier.name or replier.number} says: {text}", close)
    finally:
        close(_HUNG_UP)


async def _choose(call: Call, caller: BaseLeg, keys: Keys, text: str, close: Callable[..., None]) -> bool:
    announcer = call.switch.announcer
    silent = 0
    while silent < call.switch.options.menu_rounds:
        key = await announcer.ask(caller, keys, f"{text} . {CHOICES}")
        call.note("reply.heard", caller.party.number, key=key)
        match key:
            case "2":
                close(_VOICEMAIL)
                return True
            case "3" | "4":
                close(_TAKEN, "yes" if key == "3" else "no")
            case "5":
                if not (number := await _urgent_number(call, caller, keys)):
                    continue
                close(_TAKEN, "urgent", number)
            case "6":
                close(_HUNG_UP)
            case "":
                silent += 1
                continue
            case _:
                continue
        await announcer.say(caller, "Thank you. Goodbye.")
        return False
    close(_NO_CHOICE)
    await announcer.say(caller, "Goodbye.")
    return False


async def _urgent_number(call: Call, caller: BaseLeg, keys: Keys) -> str:
    """The call-back number, once the caller has confirmed it with 1; empty when he gives none."""
    announcer = call.switch.announcer
    for _ in range(call.switch.options.menu_rounds):
        number = await announcer.collect(
            caller, keys, "Please enter your call back number, and then press the pound key."
        )
        if number:
            question = f"You entered {spoken_digits(number)}. To confirm, press 1. To enter it again, press 2."
            if await announcer.ask(caller, keys, question) == "1":
                return number
    return ""
