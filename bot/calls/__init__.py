"""Calls: one call, one state, whatever told us, and the events that everything above sees."""

from bot.calls.agents import Agents, AgentState, QueueState
from bot.calls.call import Call, reply_details
from bot.calls.directory import Calls, DialGate
from bot.calls.events import EVENT_NAMES, Event, Listener
from bot.calls.locations import ParkLocations
from bot.calls.parking import ParkedCall, ParkLocation
from bot.calls.platform import PlatformWatch, Watched
from bot.calls.services import WarmTransfer
from bot.calls.state import CallEnd, CallState, Disposition, Evidence, Party
from bot.calls.supervision import CODES, SupervisionMode

__all__ = [
    "CODES",
    "EVENT_NAMES",
    "AgentState",
    "Agents",
    "Call",
    "CallEnd",
    "CallState",
    "Calls",
    "DialGate",
    "Disposition",
    "Event",
    "Evidence",
    "Listener",
    "ParkLocation",
    "ParkLocations",
    "ParkedCall",
    "Party",
    "PlatformWatch",
    "QueueState",
    "SupervisionMode",
    "WarmTransfer",
    "Watched",
    "reply_details",
]
