"""Problems as a person sees them."""

from __future__ import annotations

from bot.problems import MAX_LINE, FileProblems, Problem, did_you_mean, format_problems, one_of


def test_the_text_is_the_one_of_the_flow_language_page() -> None:
    problems = [
        Problem(
            "flows/front-desk.yaml",
            19,
            14,
            13,
            '"caller.nubmer" is not something a ringing call has',
            'did you mean "caller.number"?',
            '    per: "{{ caller.nubmer }}"',
        ),
        Problem(
            "flows/front-desk.yaml",
            14,
            5,
            6,
            'unknown action "anwser"',
            'did you mean "answer"?',
            "  - anwser: {after: 2}",
        ),
    ]
    tail = "The flows that were running keep running."
    assert format_problems(problems, checked=6, tail=tail) == (
        'flows/front-desk.yaml:14:5  unknown action "anwser"\n'
        "   14 |   - anwser: {after: 2}\n"
        '      |     ^^^^^^  did you mean "answer"?\n'
        'flows/front-desk.yaml:19:14  "caller.nubmer" is not something a ringing call has\n'
        '   19 |     per: "{{ caller.nubmer }}"\n'
        '      |              ^^^^^^^^^^^^^  did you mean "caller.number"?\n'
        "\n"
        "2 errors in 1 of 6 files. The flows that were running keep running."
    )


def test_a_warning_says_so_and_is_counted_apart() -> None:
    problem = Problem("a.yaml", 1, 1, 1, "never used", "", "x", "warning")
    assert str(problem).startswith("a.yaml:1:1  warning: never used\n")
    assert format_problems([problem]).endswith("1 warning in 1 of 1 file.")
    error = Problem("b.yaml", 1, 1, 1, "wrong")
    assert format_problems([problem, error], checked=2).endswith("1 error and 1 warning in 2 of 2 files.")


def test_a_problem_of_the_whole_file_has_no_caret() -> None:
    assert (
        str(Problem("a.yaml", 0, 0, 0, "cannot be read", "who owns it?")) == "a.yaml  cannot be read (who owns it?)"
    )


def test_the_caret_stands_below_the_mistake_whatever_is_before_it() -> None:
    for before in ("\t\t", "héé ", "日本 ", "e\u0301 "):
        line = f"{before}wrong"
        _place, shown, caret = str(Problem("a", 1, len(before) + 1, 5, "m", "", line)).split("\n")
        wide = 2 if before.startswith("日") else 0
        narrow = 1 if "\u0301" in before else 0
        assert caret.index("^") == shown.index("wrong") + wide - narrow


def test_of_a_long_line_the_part_around_the_mistake_is_shown() -> None:
    line = "a" * 5_000 + "WRONG" + "b" * 5_000
    _place, shown, caret = str(Problem("a", 1, 5_001, 5, "m", "", line)).split("\n")
    assert len(shown) < MAX_LINE + 20
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "WRONG"


def test_a_length_past_the_end_of_the_line_is_cut() -> None:
    assert str(Problem("a", 1, 3, 900, "m", "", "abcd")).endswith("|   ^^")


def test_file_problems_carry_what_they_print() -> None:
    problem = Problem("a.yaml", 1, 1, 1, "wrong", "", "x")
    error = FileProblems([problem], checked=3, tail="Nothing was changed.")
    assert error.problems == (problem,)
    assert str(error).endswith("1 error in 1 of 3 files. Nothing was changed.")


def test_suggestions_are_made_for_near_misses_only() -> None:
    assert did_you_mean("Anwser", ["answer", "say"]) == 'did you mean "answer"?'
    assert did_you_mean("frobnicate", ["answer", "say"]) == ""
    assert one_of(["a", "b"]) == 'one of "a", "b"'
    assert one_of(["a"]) == '"a"'
