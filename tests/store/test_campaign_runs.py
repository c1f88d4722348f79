"""Runs of a campaign: what a crash cut off is taken up again; a new round begins the list anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.store import Store

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


async def test_runs_of_a_campaign_share_a_round_until_a_new_one_is_asked_for(store: Store) -> None:
    assert await store.campaign_runs.latest("spring") is None
    rounds = []
    for anew in (False, False, True, False):
        run = await store.campaign_runs.start("spring", NOW, anew=anew)
        await store.campaign_runs.end(run.id, NOW, "finished")
        rounds.append(run.round)
    assert rounds == [1, 1, 2, 2]
    assert await store.campaign_runs.unended() == []
    latest = await store.campaign_runs.latest("spring")
    assert latest is not None
    assert (latest.round, latest.result, latest.ended_at) == (2, "finished", NOW)


async def test_a_run_that_was_cut_off_is_taken_up_again(url: str, store: Store) -> None:
    run = await store.campaign_runs.start("spring", NOW)
    async with await Store.open(url) as after:
        assert await after.campaign_runs.unended() == [run]
        assert await after.campaign_runs.start("spring", NOW + timedelta(hours=1)) == run


async def test_a_new_round_closes_the_run_that_was_cut_off(store: Store) -> None:
    await store.campaign_runs.start("spring", NOW)
    anew = await store.campaign_runs.start("spring", NOW, anew=True)
    assert anew.round == 2
    assert await store.campaign_runs.unended() == [anew]
