"""The answerer's connectivity checks often overtake its answer."""

from __future__ import annotations

import asyncio

import pytest

from bot.media import MediaEngine, MediaOptions, MediaState


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.012, 0.4])
async def test_a_path_is_found_when_the_answer_comes_after_the_first_checks(delay: float) -> None:
    options = MediaOptions(loopback=True)
    async with MediaEngine(options) as ours, MediaEngine(options) as theirs:
        offerer, answerer = ours.session(), theirs.session()
        answer = await answerer.create_answer(await offerer.create_offer())
        await asyncio.sleep(delay)
        await offerer.apply_answer(answer)
        await asyncio.gather(offerer.connected(), answerer.connected())
        assert offerer.state is MediaState.CONNECTED
