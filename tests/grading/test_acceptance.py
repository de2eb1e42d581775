"""Acceptance of an item: the rules of DESIGN section 2, on answers alone."""

from itertools import permutations, product
from types import SimpleNamespace

import pytest

from grading.acceptance import accept
from grading.answers import GivenAnswer


def finding(kind="exact", within=0, keep="", cut=2, n_grades=4):
    return SimpleNamespace(
        agreement=SimpleNamespace(kind=kind, within=within, keep=keep), cut=cut, n_grades=n_grades
    )


def grade(n):
    return GivenAnswer(kind="grade", grade=n)


NOT_ASSESSABLE = GivenAnswer(kind="not_assessable", reason="artefact")
ABSENT = GivenAnswer(kind="absent")


def decided(rule, *answers):
    accepted = accept(rule, answers)
    return accepted and (accepted.answer.kind, accepted.answer.grade, str(accepted.provenance))


@pytest.mark.parametrize(("first", "second"), list(product(range(4), repeat=2)))
def test_exact_takes_the_same_grade_and_nothing_else(first, second):
    expected = ("grade", first, "agreed") if first == second else None
    assert decided(finding(), grade(first), grade(second)) == expected


@pytest.mark.parametrize(
    ("keep", "grades", "kept"),
    [
        ("lower", (1, 2), 1),
        ("higher", (1, 2), 2),
        ("median", (1, 2), 1),
        ("median", (2, 1, 2), 2),
        ("median", (1, 2, 2, 1), 1),
        ("higher", (0, 1, 1), 1),
    ],
)
def test_within_keeps_the_grade_that_the_protocol_names(keep, grades, kept):
    for order in permutations(grades):
        answers = [grade(n) for n in order]
        assert decided(finding("within", within=1, keep=keep), *answers) == (
            "grade",
            kept,
            "agreed_within_rule",
        )


def test_within_looks_at_every_pair():
    # 0 and 1, 1 and 2 are near; 0 and 2 are not.
    assert decided(finding("within", within=1, keep="median"), grade(0), grade(1), grade(2)) is None


def test_within_gives_plain_agreement_its_own_provenance():
    assert decided(finding("within", within=1, keep="higher"), grade(2), grade(2)) == ("grade", 2, "agreed")


@pytest.mark.parametrize(
    ("grades", "kept"), [((0, 1), 1), ((2, 3), 3), ((1, 2), None), ((0, 3), None), ((0, 1, 3), None)]
)
def test_same_side_asks_on_which_side_of_the_cut(grades, kept):
    rule = finding("same-side", keep="higher", cut=2)
    expected = ("grade", kept, "agreed_within_rule") if kept is not None else None
    assert decided(rule, *(grade(n) for n in grades)) == expected


@pytest.mark.parametrize("kind", ["exact", "within", "same-side"])
def test_typed_answers_agree_with_themselves_only(kind):
    rule = finding(kind, within=3, keep="higher", cut=1)
    other_reason = GivenAnswer(kind="not_assessable", reason="resolution")
    assert decided(rule, NOT_ASSESSABLE, other_reason) == ("not_assessable", None, "agreed")
    assert decided(rule, ABSENT, ABSENT) == ("absent", None, "agreed")
    assert decided(rule, NOT_ASSESSABLE, grade(2)) is None
    assert decided(rule, NOT_ASSESSABLE, ABSENT) is None
    assert decided(rule, grade(2), grade(2), NOT_ASSESSABLE) is None


@pytest.mark.parametrize("kind", ["exact", "within", "same-side"])
def test_order_of_the_reads_changes_nothing(kind):
    rule = finding(kind, within=1, keep="median", cut=2)
    for grades in product(range(4), repeat=3):
        results = {decided(rule, *(grade(n) for n in order)) for order in permutations(grades)}
        assert len(results) == 1, grades


def test_one_read_is_nothing_to_compare():
    with pytest.raises(ValueError, match="at least 2"):
        accept(finding(), [grade(1)])
