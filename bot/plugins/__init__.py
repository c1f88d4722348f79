"""The extension point: what a plugin can hook into, how plugins are found, and how they are called."""

from bot.plugins.caller import PluginLimits, Plugins
from bot.plugins.hooks import hookimpl
from bot.plugins.loader import load_plugins
from bot.plugins.problems import PluginProblems

__all__ = ["PluginLimits", "PluginProblems", "Plugins", "hookimpl", "load_plugins"]
