"""Where a contact stands, by its attempts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.campaigns.progress import AttemptRules, Stage, standing
from bot.store import Attempt, Disposition

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def attempts(*dispositions: Disposition | None) -> list[Attempt]:
    return [
        Attempt(
            id=number, number="+1", started_at=NOON, ended_at=NOON + timedelta(minutes=1), disposition=disposition
        )
        for number, disposition in enumerate(dispositions)
    ]


@pytest.mark.parametrize(
    ("history", "stage", "not_before"),
    [
        ([], Stage.WAITING, None),
        ([Disposition.NOT_DIALLED] * 9, Stage.WAITING, None),
        ([Disposition.BUSY], Stage.WAITING, NOON + timedelta(minutes=11)),
        ([Disposition.NO_ANSWER], Stage.WAITING, NOON + timedelta(minutes=61)),
        ([Disposition.INTERRUPTED], Stage.WAITING, NOON + timedelta(minutes=11)),
        ([Disposition.BUSY] * 3, Stage.FINISHED, None),
        ([Disposition.BUSY, Disposition.ANSWERED], Stage.FINISHED, None),
        ([Disposition.INVALID], Stage.FINISHED, None),
        ([Disposition.OPTED_OUT], Stage.FINISHED, None),
        ([Disposition.BUSY, None], Stage.CALLING, None),
    ],
)
def test_standing(history: list[Disposition | None], stage: Stage, not_before: datetime | None) -> None:
    stand = standing(attempts(*history), AttemptRules(most=3))
    assert (stand.stage, stand.not_before) == (stage, not_before)


@given(st.lists(st.sampled_from(Disposition), max_size=8), st.integers(1, 5))
def test_nobody_waits_for_more_attempts_than_there_may_be(history: list[Disposition], most: int) -> None:
    stand = standing(attempts(*history), AttemptRules(most=most))
    assert stand.stage is Stage.FINISHED or stand.attempts < most
