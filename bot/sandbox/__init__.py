"""A phone system of our own that speaks RingCentral's dialect, with scripted people who call and answer."""

from bot.sandbox.options import QueueOptions, SandboxOptions
from bot.sandbox.people.company import PersonResult
from bot.sandbox.people.model import SHIPPED
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.serve import serve

__all__ = ["SHIPPED", "PersonResult", "QueueOptions", "Sandbox", "SandboxOptions", "serve"]
