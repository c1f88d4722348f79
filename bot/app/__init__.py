"""The bot as a whole: built in one readable function, taken down in reverse order."""

from bot.app.build import Bot, open_bot
from bot.app.commands import FileReport, check_files, run_bot, run_campaign, show_campaign
from bot.app.platform import Platform, account, open_platform, sandboxed

__all__ = [
    "Bot",
    "FileReport",
    "Platform",
    "account",
    "check_files",
    "open_bot",
    "open_platform",
    "run_bot",
    "run_campaign",
    "sandboxed",
    "show_campaign",
]
