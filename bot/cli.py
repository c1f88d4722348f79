"""The command line: `bot run`, `bot demo`, `bot sandbox`, `bot check`, `bot campaign`."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
from collections.abc import Coroutine
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.markup import escape

from bot import demo as demos
from bot.app import check_files, run_bot, run_campaign, show_campaign
from bot.config import Config, load_config
from bot.errors import BotError
from bot.log import configure
from bot.problems import FileProblems
from bot.sandbox import SHIPPED, SandboxOptions, serve

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Contact-center agent automation: YAML flows that answer, reply, supervise, park and dial.",
)
campaign = typer.Typer(no_args_is_help=True, help="Outbound campaigns.")
app.add_typer(campaign, name="campaign")

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="the configuration file")]
DEFAULT_CONFIG = Path("config.example.yaml")
INTERRUPTED = 130  # what a shell says of a command that Ctrl-C ended before it was done

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="say which version this is", is_eager=True)] = False,
) -> None:
    if version:
        out.print(f"callbot {metadata.version('callbot')}")
        raise typer.Exit


def start(work: Coroutine[Any, Any, int], *, unfinished: int = 0) -> int:
    """Run until done, or until Ctrl-C, SIGTERM or the end of the terminal, which end it in good order.

    Returns:
        What `work` returns, or `unfinished` when it was told to stop before.
    """

    async def until_told() -> int:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            return await task
        return unfinished

    return uvloop.run(until_told())


def hold_streams() -> None:
    """Have streams that take all that we print.

    One that came closed is made silent, for a socket must not take its number; and a character that the terminal does
    not know becomes a question mark.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            silent = os.open(os.devnull, os.O_RDWR)
            if silent != number:
                os.dup2(silent, number)
                os.close(silent)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def load(path: Path) -> Config:
    config = load_config(path)
    configure(config.log.level, config.log.form)
    return config


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the bot: against a RingCentral account, or against the built-in sandbox, as the configuration says."""
    raise typer.Exit(start(run_bot(load(config), out)))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="play each scenario once, print a table, and end")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="play this scenario alone; may be repeated")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Start sandbox, bot and people, and show each call as it happens."""
    configure("error")
    raise typer.Exit(
        start(demos.play(out, config, once=once, only=tuple(only or ())), unfinished=INTERRUPTED if once else 0)
    )


@app.command()
def sandbox(
    json: Annotated[bool, typer.Option("--json", help="print one line of JSON when ready")] = False,
    sip_port: Annotated[
        int, typer.Option(min=0, max=65535, help="the port for SIP over secure WebSocket; 0: any")
    ] = 0,
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="the port for REST and events; 0: any")] = 0,
    people: Annotated[
        list[Path] | None,
        typer.Option(help="a folder of people, instead of those that come with it; may be repeated"),
    ] = None,
) -> None:
    """Run the phone system of our own that speaks RingCentral's dialect, until it is told to stop."""
    configure("warning")
    options = SandboxOptions(sip_port=sip_port, rest_port=rest_port, people=tuple(people or (SHIPPED,)))
    uvloop.run(serve(options, sys.stdout, as_json=json))


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="a folder of flows; the configured one by default")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Check flows, campaigns and plugins: every mistake, with place and mend. Exit code 1 when there are any."""
    report = check_files(load(config), folder)
    (err if report.problems else out).print(report.text, markup=False, soft_wrap=True)
    raise typer.Exit(1 if report.problems else 0)


@campaign.command("run")
def campaign_run(
    name: str,
    anew: Annotated[
        bool, typer.Option("--anew", help="begin the list again, with those who were reached too")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Dial a campaign's list now, within its rules, and print what came of it."""
    raise typer.Exit(start(run_campaign(load(config), name, out, anew=anew), unfinished=INTERRUPTED))


@campaign.command("show")
def campaign_show(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """What has been dialled, what came of it, and why the rest has not been."""
    raise typer.Exit(start(show_campaign(load(config), name, out)))


def main() -> None:
    """The entry point: errors that we raise on purpose become one line, never a traceback."""
    hold_streams()
    try:
        app()
    except FileProblems as problems:
        err.print(str(problems), markup=False, soft_wrap=True)
        sys.exit(1)
    except BotError as error:
        err.print(f"[red]error[/red] {escape(error.message)}", soft_wrap=True, emoji=False)
        if error.hint:
            err.print(f"      {error.hint}", markup=False, soft_wrap=True, emoji=False)
        sys.exit(1)
