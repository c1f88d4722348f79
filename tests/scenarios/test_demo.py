"""The demonstration, scenario by scenario: the flows that ship, with real signalling and audio, in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.demo import SCENARIOS, Scenario, open_stage, play_scenario

CONFIG = Path("config.example.yaml")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_a_scenario_of_the_demonstration_goes_as_expected(scenario: Scenario) -> None:
    clock = VirtualClock(datetime(2026, 3, 2, 17, 0, tzinfo=UTC))
    async with open_stage(CONFIG, clock=clock) as stage:
        result = await play_scenario(scenario, stage, clock)
    assert result.ok, result.happened
