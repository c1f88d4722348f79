"""Every recipe of the cookbook is checked by the loader, and done with real calls, on virtual time."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app import check_files, open_bot, sandboxed
from bot.clock import VirtualClock
from bot.config import Config
from bot.demo import Stage, demo_config
from bot.media import Speech
from bot.sandbox import SHIPPED, QueueOptions, Sandbox, SandboxOptions
from tests.docs.cookbook import Recipe, recipes

CONFIG = Path("config.example.yaml")
RECIPES = {recipe.title: recipe for recipe in recipes()}
MORNING = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
"""A Monday, nine o'clock in California."""

SHIPPED_PEOPLE = {
    "A supervisor takes over": ["victor-complains"],
    "Greet callers by name": ["grace-calls"],
}
"""Scripts that come with the sandbox, which a recipe speaks of."""
CALLED = {"Busy? Reply with a text": "Nora", "Dial somebody and speak": "The manager on duty", "A campaign": "Rosa"}
"""Who is called in a recipe, and then has steps of their own."""
TYPO = "When something is wrong"


def prepare(recipe: Recipe, folder: Path) -> Config:
    """The files of a recipe, and the example's configuration for them."""
    recipe.write(folder)
    for path in Path("plugins").iterdir():
        if path.is_file():
            shutil.copy(path, folder / "plugins")
    config = demo_config(CONFIG, folder / "state")
    own = {"flows": folder / "flows", "campaigns": folder / "flows/campaigns", "plugins": folder / "plugins"}
    return config.model_copy(update=own)


@asynccontextmanager
async def stage_of(recipe: Recipe, folder: Path) -> AsyncIterator[Stage]:
    """A sandbox with the recipe's people, and a bot with its flows."""
    config = prepare(recipe, folder)
    clock = VirtualClock(MORNING)
    queues = (QueueOptions("Sales", "300", ("103",)),)
    options = SandboxOptions(people=(SHIPPED, folder / "people"), queues=queues)
    stages: list[Stage] = []
    async with (
        Speech() as speech,
        Sandbox(options, clock=clock, speech=speech) as sandbox,
        open_bot(
            config,
            sandboxed(config, sandbox),
            clock=clock,
            speech=speech,
            on_trace=lambda record: stages[0].record(record),
        ) as bot,
    ):
        stages.append(Stage(sandbox, bot))
        yield stages[0]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_has_no_mistakes(title: str, tmp_path: Path) -> None:
    report = check_files(prepare(RECIPES[title], tmp_path))
    assert not report.problems, report.text


@pytest.mark.parametrize("title", [title for title in RECIPES if title not in ("A campaign", TYPO)])
async def test_a_recipe_does_what_it_says(title: str, tmp_path: Path) -> None:
    recipe = RECIPES[title]
    async with stage_of(recipe, tmp_path) as stage:
        scripts = [*recipe.scripts(), *SHIPPED_PEOPLE.get(title, [])]
        assert scripts, "nobody shows that the recipe works"
        await stage.people(*scripts)
        await settled(stage, called=CALLED.get(title, ""))
        assert all(run.outcome != "failed" for run in stage.ended), stage.ended
        await asyncio.sleep(1)
    assert {run.flow for run in stage.ended if run.outcome != "skipped"} == recipe.flows()
    if title == "A plugin of your own":
        assert (tmp_path / "plugins/journal.csv").read_text().count(",answered\n") == 1


async def settled(stage: Stage, *, called: str) -> None:
    """Wait until whoever is to be called has been, and nothing goes on."""
    people = stage.sandbox.people
    async with asyncio.timeout(3600):
        while called and not any(result.person == called for result in people.answered):  # noqa: ASYNC110
            await asyncio.sleep(1)
        while stage.bot.engine.runs or stage.bot.calls.live:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for result in people.answered:
        assert result.ok or result.person != called, result


async def test_the_campaign_calls_whom_it_may(tmp_path: Path) -> None:
    async with stage_of(RECIPES["A campaign"], tmp_path) as stage:
        report = await stage.bot.campaigns.run("appointments")
        await settled(stage, called="Rosa")
        assert await stage.bot.store.do_not_call.has("+16505550145")
    came = {contact.name: contact.status for contact in report.contacts}
    assert came == {"Rosa": "opted_out", "Sam": "left_out", "Theo": "left_out"}


def test_mistakes_are_told_as_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, shown = RECIPES[TYPO].blocks
    config = prepare(RECIPES[TYPO], tmp_path)
    (tmp_path / "flows/front-desk.yaml").write_text(flow.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    report = check_files(config.model_copy(update={"flows": Path("flows")}))
    assert report.text == shown.text.rstrip("\n")
