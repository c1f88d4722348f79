"""The arithmetic of limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.ringcentral.limits import Window


@given(st.integers(1, 6), st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_no_sixty_seconds_ever_see_more_than_the_limit(limit: int, pauses: list[float]) -> None:
    window = Window(limit)
    sent: list[float] = []
    now = 0.0
    for pause in pauses:
        now += pause
        while (wait := window.wait(now)) > 0:
            now += wait
        window.take(now)
        sent.append(now)
    for index in range(len(sent) - limit):
        assert sent[index + limit] - sent[index] >= 59.999


def test_a_hold_is_never_shortened() -> None:
    window = Window(5)
    window.hold(100)
    window.hold(50)
    assert window.wait(0) == 100
    assert window.wait(100) == 0


def test_remaining_zero_holds_for_a_window() -> None:
    window = Window(5)
    window.observe({"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Window": "60"}, 10)
    assert window.wait(20) == 50


@given(
    st.dictionaries(
        st.sampled_from(["X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window"]), st.text()
    )
)
def test_any_headers_are_survived(headers: dict[str, str]) -> None:
    window = Window(5)
    window.observe(headers, 0)
    window.take(0)
    assert window.wait(0) >= 0
