"""Campaign files: every mistake at once, each with its place; and the campaign that ships."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.campaigns import load_campaigns
from bot.campaigns.contacts import read_contacts, read_numbers
from bot.campaigns.window import Window
from bot.flows.model import Flow, Input
from bot.problems import FileProblems
from bot.store import Contact, Disposition

SHIPPED = Path(__file__).parents[2] / "flows" / "campaigns"
GOOD = """\
campaign: spring
flow: offer
list: {file: spring.csv, columns: {number: phone, consent: ok}}
"""


OFFER = Flow("offer", "offer.yaml", ())


def problems(folder: Path, text: str, flow: Flow = OFFER) -> list[tuple[int, int, str, str]]:
    (folder / "spring.csv").write_text("phone,ok\n")
    (folder / "spring.yaml").write_text(text)
    with pytest.raises(FileProblems) as caught:
        load_campaigns(folder, flows={"offer": flow})
    return [(one.line, one.column, one.message, one.hint) for one in caught.value.problems]


def test_what_is_not_said_has_a_careful_default(tmp_path: Path) -> None:
    (tmp_path / "spring.csv").write_text("phone,ok\n")
    (tmp_path / "spring.yaml").write_text(GOOD)
    campaign = load_campaigns(tmp_path)["spring"]
    assert campaign.settings.lines == 1
    assert campaign.settings.ring_for == 20
    assert campaign.dial_rules.window == Window(9 * 60, 20 * 60)
    assert campaign.dial_rules.needs_consent
    assert campaign.attempt_rules.most == 3


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "list.csv").write_text("phone\n")
    (tmp_path / "never.csv").write_text("")
    (tmp_path / "spring.yaml").write_text(
        "campaign: spring\nflow: offer\nlist: {file: people/list.csv, columns: {number: phone}, country: gb}\n"
        'schedule: {cron: "0 9 * * mon-fri", time_zone: Europe/London}\n'
        "window: {from: 08:30, to: 24:00, days: [mon, sun]}\nlines: 3\nring_for: 30s\n"
        "attempts: {max: 2, per_day: null, retry_after: {busy: 90, no_answer: never}}\n"
        "do_not_call: never.csv\ncaller_id: 020 7946 0123\nphone: sales\nspeaks: true\nconsent: signed in the shop\n"
    )
    campaign = load_campaigns(tmp_path)["spring"]
    assert campaign.dial_rules.window == Window(8 * 60 + 30, 1440, frozenset({0, 6}))
    assert campaign.dial_rules.per_day is None
    assert not campaign.dial_rules.needs_consent
    assert campaign.attempt_rules.retry_after[Disposition.BUSY] == timedelta(seconds=90)
    assert Disposition.NO_ANSWER not in campaign.attempt_rules.retry_after
    assert campaign.list_path == tmp_path / "people" / "list.csv"


def test_a_consent_column_counts_even_where_consent_is_declared(tmp_path: Path) -> None:
    (tmp_path / "spring.csv").write_text("phone,ok\n")
    (tmp_path / "spring.yaml").write_text(GOOD + "consent: signed in the shop\n")
    assert load_campaigns(tmp_path)["spring"].dial_rules.needs_consent


COLUMNS = GOOD.replace("number: phone", "number: fone")
NO_CONSENT = GOOD.replace(", consent: ok", "")


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        (GOOD + "lins: 2\n", (4, 1), 'unknown key "lins"', 'did you mean "lines"?'),
        (GOOD + "lines: 0\n", (4, 8), "greater than or equal to 1", ""),
        (GOOD + "ring_for: 5s\n", (4, 11), "let it ring for 15s at least", ""),
        (GOOD + "ring_for: soon\n", (4, 11), '"soon" is not a length of time', "90s, 3m"),
        (GOOD + "window: {from: '20:00', to: '09:00'}\n", (4, 9), "the window ends (09:00) before", ""),
        (GOOD + "schedule: {cron: '0 9 * *'}\n", (4, 11), '"0 9 * *" must have five fields', ""),
        (GOOD + "do_not_call: no.csv\n", (4, 14), "there is no file", ""),
        (GOOD + "caller_id: 911\n", (4, 12), '"911" is an emergency number', ""),
        (GOOD.replace("offer", "ofer"), (2, 7), 'unknown flow "ofer"', 'did you mean "offer"?'),
        (GOOD.replace("spring.csv", "no.csv"), (3, 14), "there is no file", ""),
        (COLUMNS, (3, 44), 'the list has no column "fone"', 'did you mean "phone"?'),
        (NO_CONSENT, (3, 7), "people who consented", "name the consent column, or declare it"),
    ],
    ids=lambda value: value[-30:] if isinstance(value, str) else None,
)
def test_a_mistake_has_its_place(tmp_path: Path, text: str, place: tuple[int, int], message: str, hint: str) -> None:
    ((line, column, said, hinted),) = problems(tmp_path, text)
    assert (line, column) == place
    assert message in said
    assert hint in hinted


def test_a_flow_is_given_what_it_takes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "spring.csv").write_text("phone,ok,plan,shoe size\n")
    (tmp_path / "spring.yaml").write_text(GOOD)
    flow = Flow("offer", "offer.yaml", (), inputs={"plan": Input(required=True), "name": Input(required=True)})
    campaign = load_campaigns(tmp_path, flows={"offer": flow})["spring"]
    contact = Contact(1, "spring", "+16505550191", "Ada", fields={"plan": "gold", "shoe size": "7"})
    assert campaign.inputs_for(contact) == {"name": "Ada", "plan": "gold"}


def test_a_flow_that_needs_what_the_list_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    flow = Flow("offer", "offer.yaml", (), inputs={"plan": Input(required=True), "shop": Input(required=False)})
    assert problems(tmp_path, GOOD, flow) == [
        (2, 7, 'the flow needs "plan", and the list has no such column', 'there are "number", "name", "campaign"')
    ]


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "autumn.yaml").write_text("campaign: autumn\n")
    (tmp_path / "copy.yml").write_text(GOOD)
    found = problems(tmp_path, GOOD + "lines: many\n")
    assert [message for _, _, message, _ in found] == [
        '"flow" is missing',
        '"list" is missing',
        "this must be a whole number",
    ]


def test_two_campaigns_cannot_have_one_name(tmp_path: Path) -> None:
    (tmp_path / "copy.yaml").write_text(GOOD)
    ((_, _, message, _),) = problems(tmp_path, GOOD)
    assert message == f"{tmp_path / 'copy.yaml'} has the same name"


def test_the_campaign_that_ships_loads_whole() -> None:
    campaign = load_campaigns(SHIPPED)["spring-offer"]
    rows = read_contacts(campaign.list_path, campaign.settings.contacts)
    assert campaign.dial_rules.window.always, "the example must work at any hour of the day"
    assert [contact.number[-4:] for contact in rows.contacts] == ["0191", "0192", "0193", "0194", "0195", "0196"]
    assert {row.line for row in rows.rejected} == {8, 9, 10}
    assert campaign.do_not_call_path is not None
    assert read_numbers(campaign.do_not_call_path) == {"+16505550195"}
