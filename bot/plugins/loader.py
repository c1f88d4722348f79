"""Loading plugins: every file of a folder, and every installed package that names the entry point group `bot`.

Each file becomes a module in a package of its own, so that two files can share a third (`from ._shared import x`)
and none of them can take the name of an installed module. All mistakes of all plugins are told at once.
"""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points
from pathlib import Path
from types import ModuleType

import pluggy

from bot.log import get_logger
from bot.plugins.caller import PluginLimits, Plugins
from bot.plugins.hooks import HOOKS, PROJECT, BotHooks
from bot.plugins.problems import PluginProblems, import_failure, problem_at, told
from bot.problems import Problem, did_you_mean, one_of

__all__ = ["ENTRY_POINTS", "load_plugins"]

log = get_logger(__name__)

ENTRY_POINTS = "bot"
"""The entry point group of installed plugins."""

_packages = itertools.count(1)


def load_plugins(
    folder: Path | None = None, *, entry_points: bool = True, limits: PluginLimits | None = None
) -> Plugins:
    """Load installed plugins (unless told not to), then the files of `folder` in order of their names.

    Args:
        folder: its `*.py` are plugins, but for those whose names start with an underscore. One that does not exist is
            an empty one.

    Raises:
        PluginProblems: plugins that cannot be imported, or use a hook wrongly: every mistake at once.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(BotHooks)
    problems: list[Problem] = []
    checked = 0
    for entry in sorted(installed_entry_points(group=ENTRY_POINTS)) if entry_points else ():
        checked += 1
        problems += _register_installed(manager, entry)
    files = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_")) if folder else []
    package = _new_package(folder) if folder and files else None
    for path in files:
        checked += 1
        assert package is not None
        problems += _register_file(manager, path, package)
    if problems:
        _forget(package)
        raise PluginProblems(problems, checked=checked)
    plugins = Plugins(manager, limits or PluginLimits())
    log.info("plugins loaded", names=list(plugins.names))
    return plugins


def _register_installed(manager: pluggy.PluginManager, entry: EntryPoint) -> list[Problem]:
    where = f"{entry.name} (installed: {entry.value})"
    try:
        plugin = entry.load()
    except (Exception, SystemExit) as error:
        return [Problem(where, 0, 0, 0, f"cannot be imported: {told(error)}", "reinstall or uninstall the package")]
    return _register(manager, plugin, entry.name, where)


def _register_file(manager: pluggy.PluginManager, path: Path, package: str) -> list[Problem]:
    name = f"{package}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return [Problem(str(path), 0, 0, 0, "cannot be imported", "its name must end in .py")]
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        return import_failure(path, error)
    return _register(manager, module, path.stem, str(path))


def _register(manager: pluggy.PluginManager, plugin: object, name: str, where: str) -> list[Problem]:
    problems = list(_check(plugin, where))
    if problems:
        return problems
    try:
        manager.register(plugin, name)
    except ValueError:
        return [Problem(where, 0, 0, 0, f'there is another plugin "{name}"', "rename one of them")]
    except pluggy.PluginValidationError as error:
        return [Problem(where, 0, 0, 0, str(error), "see the hooks that the bot offers")]
    return []


def _check(plugin: object, where: str) -> Iterator[Problem]:
    """What is wrong with a plugin's hooks."""
    marked = 0
    for name, function in inspect.getmembers(plugin, inspect.isroutine):
        options = getattr(function, f"{PROJECT}_impl", None)
        if isinstance(options, dict):
            marked += 1
            yield from _check_hook(options.get("specname") or name, function)
        elif name in HOOKS:
            marked += 1
            yield problem_at(function, f"{name} is not marked as a hook", "write @hookimpl above it")
    if not marked:
        hint = "mark a function with @hookimpl, or let the file's name start with _"
        yield Problem(where, 0, 0, 0, "has no hook", hint)


def _check_hook(name: str, function: Callable[..., object]) -> Iterator[Problem]:
    if name not in HOOKS:
        yield problem_at(function, f'unknown hook "{name}"', did_you_mean(name, HOOKS) or one_of(HOOKS))
        return
    known = HOOKS[name]
    for parameter in inspect.signature(function).parameters:
        if parameter not in known:
            hint = did_you_mean(parameter, known) or (one_of(known) if known else "it takes none")
            yield problem_at(function, f'{name} has no argument "{parameter}"', hint)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield problem_at(function, f"{name} must not yield", "return instead; wrappers are not supported")
    elif name == "bot_actions" and inspect.iscoroutinefunction(function):
        yield problem_at(function, "bot_actions must be a plain function", "write def, not async def")


def _new_package(folder: Path) -> str:
    """An empty package whose modules are the files of `folder`."""
    name = f"_bot_plugins_{next(_packages)}"
    package = ModuleType(name, "The plugins of one folder.")
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    return name


def _forget(package: str | None) -> None:
    for name in [name for name in sys.modules if package and (name == package or name.startswith(f"{package}."))]:
        del sys.modules[name]
