"""Draws the pictures of the README: what a person sees in the terminal, as SVG. Run it with `make pictures`."""

from __future__ import annotations

import asyncio
import io
import re
from datetime import UTC, datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from bot.app import check_files
from bot.clock import VirtualClock, VirtualTimeLoop
from bot.config import load_config
from bot.demo import SCENARIOS, Result, open_stage, play_once, play_scenario, result_table
from bot.log import configure
from bot.story import Story

CONFIG = Path("config.example.yaml")
FOLDER = Path("docs/pictures")
SHOWN = ("an order call is answered", "busy, may we call back? urgent", "a supervisor takes over")


def console(width: int) -> Console:
    return Console(record=True, file=io.StringIO(), width=width, highlight=False, force_terminal=True)


async def story(out: Console) -> None:
    """The story of a few scenarios, one after another."""
    clock = VirtualClock(datetime(2026, 3, 2, 17, 0, tzinfo=UTC))
    async with open_stage(CONFIG, clock=clock, story=Story(out, clock)) as stage:
        for scenario in SCENARIOS:
            if scenario.name in SHOWN:
                out.rule(f"{scenario.name}: {scenario.expected}", align="left", style="dim")
                await play_scenario(scenario, stage, clock)


async def results() -> list[Result]:
    clock = VirtualClock(datetime(2026, 3, 2, 17, 0, tzinfo=UTC))
    async with open_stage(CONFIG, clock=clock) as stage:
        return await play_once(stage, clock)


def save(out: Console, name: str, title: str) -> None:
    """Without the web fonts that rich would link: the picture stands alone."""
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
    svg = out.export_svg(title=title, code_format=template, unique_id=name)
    (FOLDER / f"{name}.svg").write_text(svg + "\n")


def main() -> None:
    configure("error")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        told = console(124)
        runner.run(story(told))
        save(told, "run", "make run")
        once = console(124)
        once.print(result_table(runner.run(results())))
        save(once, "demo", "bot demo --once")
    mistakes = console(110)
    report = check_files(load_config(CONFIG), Path("docs/examples/mistakes"))
    mistakes.print(report.text, markup=False, soft_wrap=True)
    save(mistakes, "check", "bot check")


if __name__ == "__main__":
    main()
