"""A sentence that was stored with its values is found again."""

from readerstudy.core.sentences import Sentences

SENTENCES = Sentences(
    ("the file is empty", "%(n)s of %(all)s images (of 100%(sign)s)", "a.b %(what)s"),
    lambda name: f"(?P<{name}>.{{1,9}}?)",
)


def test_a_plain_sentence_is_itself():
    assert SENTENCES.find("the file is empty") == ("the file is empty", {})


def test_values_are_taken_from_their_places():
    found = SENTENCES.find("3 of 12 images (of 100%)")
    assert found == ("%(n)s of %(all)s images (of 100%(sign)s)", {"n": "3", "all": "12", "sign": "%"})


def test_what_is_nearly_a_sentence_is_none():
    assert SENTENCES.find("the file is empty.") is None
    assert SENTENCES.find("axb y") is None
    assert SENTENCES.find("a.b a value that is too long") is None
