"""Pseudonyms are stable in a study, unlinkable between studies, and readable aloud."""

from uuid import UUID

from readerstudy.core.pseudonyms import pseudonym

STUDY, OTHER = UUID(int=1), UUID(int=2)


def test_same_input_gives_the_same_code_in_one_study_only():
    code = pseudonym("studies.patient", STUDY, "MRN-1")
    assert pseudonym("studies.patient", STUDY, "MRN-1") == code
    assert pseudonym("studies.patient", OTHER, "MRN-1") != code
    assert pseudonym("studies.case", STUDY, "MRN-1") != code
    assert pseudonym("studies.patient", STUDY, "MRN-2") != code


def test_code_depends_on_the_key_file(settings):
    code = pseudonym("studies.patient", STUDY, "MRN-1")
    settings.READERSTUDY_MASTER_KEY = bytes(32)
    assert pseudonym("studies.patient", STUDY, "MRN-1") != code


def test_codes_have_no_letter_that_is_mistaken_for_a_digit():
    codes = [pseudonym("studies.patient", STUDY, str(n), length=10) for n in range(500)]
    assert all(len(code) == 10 for code in codes)
    assert not set("".join(codes)) & set("ILOU")
    assert len(set("".join(codes))) == 32
    assert len(set(codes)) == 500
