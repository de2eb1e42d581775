"""What somebody wrote is never a formula in a spreadsheet."""

import pytest

from readerstudy.core.cells import written_text


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "--1", "-1\n"])
def test_what_a_spreadsheet_would_compute_is_quoted(text):
    assert written_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "L4/5", "1-2", "-3", "+3.5", "-0,7", "seen on slice 12", "a=b"])
def test_words_and_numbers_stay_as_they_are(text):
    assert written_text(text) == text
