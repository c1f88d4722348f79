"""Lists as people save them: good rows, rejected rows with a reason, files that cannot be used."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.campaigns.contacts import ContactRows, read_contacts, read_numbers
from bot.campaigns.model import Columns, ContactList
from bot.problems import FileProblems

COLUMNS = Columns(number="phone", name="name", time_zone="tz", consent="ok")


def read(folder: Path, text: str | bytes, columns: Columns = COLUMNS, country: str = "US") -> ContactRows:
    path = folder / "list.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_contacts(path, ContactList(file="list.csv", columns=columns, country=country))


def test_columns_are_mapped_and_the_others_are_kept(tmp_path: Path) -> None:
    rows = read(tmp_path, "name,phone,tz,ok,plan\nAda, (650) 555-0191 ,America/Denver,2026-01-02,gold\n")
    (ada,) = rows.contacts
    assert (ada.number, ada.name, ada.time_zone, ada.consent, ada.line) == (
        "+16505550191", "Ada", "America/Denver", True, 2,
    )  # fmt: skip
    assert ada.fields == {"plan": "gold"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_spreadsheets_csv_is_read(tmp_path: Path, separator: str, line_end: str, mark: str) -> None:
    lines = [["phone", "name", "tz", "ok"], ["+16505550191", '"Lovelace, Ada; Dr"', "", "yes"]]
    rows = read(tmp_path, mark + line_end.join(separator.join(cells) for cells in lines))
    assert [contact.name for contact in rows.contacts] == ["Lovelace, Ada; Dr"]


def test_rejected_rows_say_their_line_and_why(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        "phone,name,tz,ok\n"
        '+16505550191,"Ada\nLovelace",,yes\n'
        "\n"
        "650 555 0191,Ada again,,yes\n"
        ",Nobody,,yes\n"
        "+16505550192,Bob,Mars/Olympus,yes\n"
        "+16505550193,Cleo,,perhaps\n"
        "+16505550194,Dan,,yes,and more\n"
        "+16505550195\n",
    )
    assert [contact.line for contact in rows.contacts] == [2, 10]
    assert [(row.line, row.reason.split(":")[0]) for row in rows.rejected] == [
        (5, "the same number as line 2"),
        (6, "no number"),
        (7, '"Mars/Olympus" is not a time zone, such as America/New_York'),
        (8, 'consent is "perhaps"'),
        (9, "5 cells, but the header names 4 columns"),
    ]


@pytest.mark.parametrize(
    ("consent", "given_"),
    [
        ("yes", True),
        ("Y", True),
        ("1", True),
        ("2026-02-11", True),
        ("2026-02-11T10:00", True),
        ("no", False),
        ("", False),
    ],
)
def test_consent(tmp_path: Path, consent: str, given_: bool) -> None:
    (contact,) = read(tmp_path, f"phone,name,tz,ok\n+16505550191,Ada,,{consent}\n").contacts
    assert contact.consent is given_


def test_national_numbers_are_those_of_the_lists_country(tmp_path: Path) -> None:
    rows = read(tmp_path, "phone,name,tz,ok\n020 7946 0123,Ada,,yes\n", country="GB")
    assert rows.contacts[0].number == "+442079460123"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("phonee,name,tz,ok\n", 'the list has no column "phone"', 'did you mean "phonee"?'),
        ("phone,name,tz\n", 'the list has no column "ok"', 'its columns: "phone", "name", "tz"'),
        ("phone,name,tz,ok,name\n", 'two columns are called "name"', ""),
        ("", "is empty", "its first line names the columns"),
        (b"phone,name\n+16505550191,Zo\xeb\n", "is not UTF-8 text (line 2)", "save it as CSV UTF-8"),
    ],
)
def test_a_list_that_cannot_be_used_is_a_problem(tmp_path: Path, text: str | bytes, message: str, hint: str) -> None:
    with pytest.raises(FileProblems) as caught:
        read(tmp_path, text)
    assert (caught.value.problems[0].message, caught.value.problems[0].hint) == (message, hint)


def test_a_list_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="No such file"):
        read_contacts(tmp_path / "nowhere.csv", ContactList(file="nowhere.csv"))


_cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=15) | st.sampled_from(
    ["+16505550191", "650-555-0192", "911", "UTC", "yes", "no", "2026-01-01", '"', ","]
)


@given(st.lists(st.lists(_cells, max_size=6), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_row_is_a_contact_a_rejection_or_blank(tmp_path: Path, cells: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["phone", "name", "tz", "ok"], *cells])
    rows = read(tmp_path, text.getvalue())
    filled = [row for row in cells if any(cell.strip() for cell in row)]
    assert len(rows.contacts) + len(rows.rejected) == len(filled)
    numbers = [contact.number for contact in rows.contacts]
    assert len(set(numbers)) == len(numbers)
    lines = [contact.line for contact in rows.contacts]
    assert lines == sorted(lines)
    assert all(row.reason for row in rows.rejected)


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f"phone,name,tz,ok\n{text}".encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_a_list_or_a_problem(tmp_path: Path, data: bytes) -> None:
    try:
        rows = read(tmp_path, data)
    except FileProblems as error:
        problems = error.problems
        assert problems
    else:
        assert isinstance(rows, ContactRows)


def test_a_do_not_call_file_is_numbers_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "never.csv"
    path.write_text("number,since\n+16505550195,2026-01-20\n# asked by post:\n(650) 555-0196  # Tom\n\n")
    assert read_numbers(path) == {"+16505550195", "+16505550196"}


def test_a_do_not_call_line_that_cannot_be_read_is_never_skipped(tmp_path: Path) -> None:
    path = tmp_path / "never.csv"
    path.write_text("+16505550195\n650 555 01\n")
    with pytest.raises(FileProblems) as caught:
        read_numbers(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.length) == (2, 1, 10)
