"""The planted leaks and faults, and the tests that each must turn red."""

import pytest

from tests.blinding.sabotage.planting import Plant, edit, put, statements

FIELDS = "tests/blinding/test_field_sets.py::test_blinded_pages_are_told_what_was_decided_and_nothing_else"
NAMES = "tests/blinding/test_field_sets.py::test_no_page_names_what_blinds_it"
CRAWL = "tests/blinding/test_canary_crawl.py::test_no_role_finds_a_canary_anywhere[{}]"
MARKS_CRAWL = "tests/blinding/test_marks_crawl.py::test_no_role_finds_a_mark_that_is_not_his_to_see[{}]"
TWIN = "tests/blinding/test_twin_replay.py::test_a_secret_changes_no_byte[{}]"
GUARDS = "tests/blinding/test_guards.py::"
ORDER = "tests/blinding/test_reading_order.py::"
ACCESS = "tests/grading/test_access.py::"
READING = "tests/grading/test_reading.py::"
SETTLING = "tests/grading/test_adjudication.py::"
PANEL = "tests/grading/test_panel.py::"
APPEND = "tests/grading/test_append_only.py::"


def _header_with_the_case(patch: pytest.MonkeyPatch) -> None:
    from grading.services import presenting

    original = presenting.present_images

    def present_images(*, response, assignment, **more):
        response.headers["X-Case"] = assignment.case.pseudonym
        return original(response=response, assignment=assignment, **more)

    put("grading.services.presenting:present_images", present_images)(patch)


def _absent_page_names_the_case(patch: pytest.MonkeyPatch) -> None:
    from grading import access
    from readerstudy.studies.models import Assignment

    original = access._access

    def _access(user, assignment, duty, role):
        from django.http import Http404

        try:
            return original(user, assignment, duty, role)
        except Http404:
            if Assignment.objects.filter(public_id=assignment).exists():
                from django.core.exceptions import PermissionDenied

                raise PermissionDenied from None
            raise

    put("grading.access:_access", _access)(patch)


PLANTS: tuple[Plant, ...] = (
    # --- what a page is told -----------------------------------------------------------------------
    Plant(
        "aid-in-an-unaided-read",
        "A page without an aid shows what was released to the showing.",
        (
            "tests/grading/test_aided.py::"
            "test_an_unaided_page_is_the_same_with_and_without_every_row_of_a_model",
        ),
        edit(
            "grading.aids:shown_aid",
            ("if assignment.condition != Assignment.Condition.AIDED:", "if assignment is None:"),
        ),
    ),
    Plant(
        "aid-of-another-reader",
        "The page of a case looks up the aid by the case, whoever reads it.",
        (TWIN.format("first_reader-another_readers_aid"),),
        edit(
            "grading.aids:shown_aid",
            ("if assignment.condition != Assignment.Condition.AIDED:", "if assignment is None:"),
            ("filter(assignment=assignment)", "filter(assignment__case=assignment.case_id).order_by('-pk')"),
        ),
    ),
    Plant(
        "aid-names-its-model",
        "The page of an aided read names the model.",
        ("tests/blinding/test_field_sets.py::test_blinded_pages_are_told_what_was_decided_and_nothing_else",),
        edit("grading.aids:aid_words", ('"aid": {', '"aid_of": aid.model_digest, "aid": {')),
    ),
    Plant(
        "aided-read-overtakes-the-unaided-one",
        "A case put off is read with its aid first.",
        ("tests/grading/test_aided.py::test_the_aided_read_never_comes_before_the_unaided_one",),
        edit(
            "grading.sessions:waits_for_its_aid",
            (
                "Q(released_aid__isnull=True) | Q(Exists(unaided.filter(~submitted_read())))",
                "Q(released_aid__isnull=True)",
            ),
        ),
    ),
    Plant(
        "partners-grades-in-the-page",
        "The reading page holds the other reader's grades.",
        (FIELDS, TWIN.format("first_reader-other_readers_grades")),
        edit(
            "grading.blinding:blinded_case",
            (
                '"cells": cells,',
                '"cells": cells, "others": [cells_of(each) for each in '
                "Read.objects.filter(case=read.case).exclude(pk=read.pk)],",
            ),
        ),
    ),
    Plant(
        "partners-marks-drawn-on-the-images",
        "The viewer draws the marks of everybody who has read the case.",
        (MARKS_CRAWL.format("first_reader"), MARKS_CRAWL.format("second_reader")),
        edit(
            "grading.blinding:blinded_case",
            (
                '[cell["mark"] for cell in cells.values() if cell["kind"] == "mark"]',
                "[__import__('grading.places', fromlist=['x']).shown_mark(__import__('grading.places', "
                "fromlist=['x']).images_of(assignment), each, 'x') for each in "
                "__import__('grading.models', fromlist=['Mark']).Mark.objects.filter(read__case=assignment.case)]",
            ),
        ),
    ),
    Plant(
        "marks-of-other-cases-on-the-adjudicators-page",
        "A disputed mark tells the marks of other cases as well.",
        (MARKS_CRAWL.format("adjudicator"),),
        edit(
            "grading.blinding.settling:_mark_items",
            (
                '"own": None,',
                '"own": [shown_mark(images, each, str(each.mark_id)) for each in '
                "__import__('grading.models', fromlist=['Mark']).Mark.objects.exclude(read__case=assignment.case)],",
            ),
        ),
    ),
    Plant(
        "partners-marks-counted-in-the-page",
        "The page says how many marks there are in the other reader's read.",
        ("tests/blinding/test_twin_replay.py::test_another_readers_marks_change_no_byte[marks_gone]",),
        edit(
            "grading.blinding:blinded_case",
            (
                '"cells": cells,',
                '"cells": cells, "seen": Read.objects.filter(case=read.case).exclude(pk=read.pk)'
                ".exclude(marks=None).count(),",
            ),
        ),
    ),
    Plant(
        "practice-is-skipped",
        "A reader who has not passed the calibration starts the study's cases.",
        ("tests/grading/test_practice.py::TestTheDoor::test_a_reader_who_has_not_passed_cannot_start",),
        edit(
            "grading.access:_to_open",
            ("if not practice_state(study, reader).may_start:", "if practice_state(study, reader) is None:"),
        ),
    ),
    Plant(
        "calibration-tells-its-reference",
        "The feedback of a calibration case is shown as that of a training case.",
        (
            "tests/grading/test_practice.py::TestPages::"
            "test_the_reference_is_shown_after_a_training_case_and_never_of_a_calibration",
        ),
        edit(
            "grading.practice_views:practice_feedback",
            (" or found.case.practice.use != TRAINING:", ":"),
        ),
    ),
    Plant(
        "partners-note-in-the-page",
        "A note of the other reader stands in the page's JSON.",
        (CRAWL.format("first_reader"),),
        edit(
            "grading.blinding:blinded_case",
            (
                '"cells": cells,',
                '"cells": cells, "answers": Read.objects.filter(case=read.case).order_by("-pk")[0].case_answers,',
            ),
        ),
    ),
    Plant(
        "case-code-in-the-page",
        "The page names the case by the code that all readers of it share.",
        (CRAWL.format("second_reader"), FIELDS),
        edit(
            "grading.blinding:blinded_case",
            (
                '"running_number": number,',
                '"running_number": number, "case": assignment.case.pseudonym,',
            ),
        ),
    ),
    Plant(
        "case-code-in-a-header",
        "A header of the answer names the case.",
        (CRAWL.format("adjudicator"),),
        _header_with_the_case,
    ),
    Plant(
        "repeat-is-named",
        "The page says how often this person was shown the case.",
        (NAMES, TWIN.format("first_reader-own_repeat_flag")),
        edit(
            "grading.blinding:blinded_case",
            (
                '"running_number": number,',
                '"running_number": number, "occasion": assignment.occasion,',
            ),
        ),
    ),
    Plant(
        "partners-progress-on-the-worklist",
        "The number of answers on the worklist counts the partner's too.",
        (TWIN.format("first_reader-others_progress"),),
        edit(
            "grading.queues:worklist_of",
            (
                "n_done=_n_done(read, n_items),",
                "n_done=__import__('grading.models').models.Rating.objects.filter("
                "read__case=each.case_id).count(),",
            ),
        ),
    ),
    Plant(
        "reference-on-the-worklist",
        "The worklist's count depends on the reference standard of the case.",
        (TWIN.format("first_reader-reference"),),
        edit(
            "grading.queues:worklist_of",
            (
                "n_done=_n_done(read, n_items),",
                "n_done=__import__('grading.models').models.ReferenceGrade.objects.filter("
                "case=each.case_id, grade__gt=0).count(),",
            ),
        ),
    ),
    Plant(
        "adjudication-on-the-worklist",
        "The worklist's count depends on what the adjudicator decided.",
        (TWIN.format("first_reader-adjudication"),),
        edit(
            "grading.queues:worklist_of",
            (
                "n_done=_n_done(read, n_items),",
                "n_done=__import__('grading.models').models.Adjudication.objects.filter("
                "discordance__case=each.case_id, grade=1).count(),",
            ),
        ),
    ),
    Plant(
        "model-in-the-page",
        "The number of places in the viewer's JSON depends on the model's output.",
        (TWIN.format("first_reader-model_output"),),
        edit(
            "grading.blinding:viewer_words",
            (
                '"resume": resume,',
                '"resume": {**resume, "n": __import__("inference.models").models.Prediction.objects.filter('
                "run__case=case).count()},",
            ),
        ),
    ),
    Plant(
        "who-sent-it-back",
        "The adjudicator's page names the panel member who sent an item back.",
        ("tests/grading/test_sent_back.py::test_who_gets_it_back_is_told_why_and_by_nobody[en]", FIELDS),
        edit(
            "grading.blinding.settling:sent_back_words",
            ('"sent_back": words', '"sent_back_by": str(row.assignment.user), "sent_back": words'),
        ),
    ),
    Plant(
        "all-clinical-data-beside-the-images",
        "The line beside the images shows what is known of a case and not what the protocol names.",
        (
            "tests/grading/test_clinical_context.py::test_a_protocol_that_names_none_shows_no_line",
            FIELDS,
            CRAWL.format("second_reader"),
        ),
        edit(
            "grading.blinding.clinical:clinical_facts",
            (
                "for datum in document.clinical_context\n",
                "for datum in document.clinical_context\n    ) + tuple(\n"
                "        ClinicalFact(column=name, label=name, value=value, unit='')\n"
                "        for name, value in given.items()\n",
            ),
        ),
    ),
    Plant(
        "clinical-value-as-it-was-typed",
        "A clinical value that the protocol does not allow, a free text, is shown as it was typed.",
        (
            "tests/grading/test_clinical_context.py::test_what_is_missing_or_not_allowed_is_not_stated[known1]",
            CRAWL.format("adjudicator"),
        ),
        edit(
            "grading.blinding.clinical:clinical_facts",
            (
                'words(datum.value_of(given.get(datum.id, "")))',
                'words(datum.value_of(given.get(datum.id, ""))) or given.get(datum.id, "")',
            ),
        ),
    ),
    Plant(
        "model-in-the-adjudicators-page",
        "The adjudicator's page depends on the model's output.",
        (TWIN.format("adjudicator-model_output"),),
        edit(
            "grading.blinding:viewer_words",
            (
                '"resume": resume,',
                '"resume": {**resume, "n": __import__("inference.models").models.Prediction.objects.filter('
                "run__case=case).count()},",
            ),
        ),
    ),
    # --- what an adjudicator and a panel member may not know -----------------------------------------
    Plant(
        "audited-items-are-marked",
        "The adjudicator sees which items both readers agreed on.",
        (TWIN.format("adjudicator-audit_flags"), FIELDS),
        edit(
            "grading.blinding:blinded_items",
            ('"finding": each.finding, **told', '"finding": each.finding, "agreed": each.is_audit, **told'),
        ),
    ),
    Plant(
        "a-and-b-uncovered-at-once",
        "A and B are in the page before the adjudicator has graded himself.",
        (SETTLING + "test_a_and_b_are_not_in_the_page_before_the_own_grade",),
        edit("grading.blinding:blinded_items", ("[] if covered else shown_answers", "shown_answers")),
    ),
    Plant(
        "letters-in-the-readers-order",
        "A is always the first reader.",
        (SETTLING + "test_letters_are_shuffled_per_item_and_say_nothing_of_the_reader",),
        edit(
            "grading.services.settlement:compare_first_reads",
            (
                "order = [reads[int(k)].pk for k in generator.permutation(len(reads))]",
                "order = [read.pk for read in reads]",
            ),
        ),
    ),
    Plant(
        "reader-named-beside-the-letter",
        "A and B carry the names of those who gave them.",
        (FIELDS, CRAWL.format("adjudicator")),
        edit(
            "grading.blinding:shown_answers",
            (
                '{"letter": letter, **answer_words(answer.kind, answer.grade, answer.value)}',
                '{"letter": letter, "name": str(__import__("grading.models").models.Read.objects'
                ".get(pk=_).reader), **answer_words(answer.kind, answer.grade, answer.value)}",
            ),
        ),
    ),
    Plant(
        "other-votes-are-shown",
        "A panel member sees the grades that others voted for before voting.",
        (PANEL + "test_other_votes_stay_covered",),
        edit(
            "grading.blinding:panel_case",
            (
                '"reason": each.reason,',
                '"reason": each.reason, "against": PanelReview.objects.filter(case_id=assignment.case_id, '
                "votes__structure=each.structure, votes__finding=each.finding).count(),",
            ),
        ),
    ),
    Plant(
        "one-vote-decides-for-three",
        "The panel's decision is written before the quorum has voted.",
        (PANEL + "test_votes_are_counted_at_the_quorum_and_not_before",),
        edit(
            "grading.services.panel:_confirm_when_quorate",
            ('quorum = int(document.reference.get("quorum", 1))', "quorum = 1"),
        ),
    ),
    # --- doors --------------------------------------------------------------------------------------
    Plant(
        "door-without-the-person",
        "An assignment opens for anybody with that role in the study.",
        (
            ACCESS
            + "test_case_opens_for_the_person_whose_duty_it_is[grading:read_case-second_reader-in_progress]",
            ACCESS
            + "test_call_is_heard_from_the_person_whose_duty_it_is[api:read-submit-first_reader-in_progress]",
        ),
        edit("grading.access:_find", ("user=user,\n            duty__duty", "duty__duty")),
    ),
    Plant(
        "paused-reader-opens-cases",
        "Cases open for a reader whom the coordinator has paused.",
        (GUARDS + "test_no_case_opens_for_who_is_paused_or_has_left[paused_at]",),
        edit("grading.access:_find", (', "paused_at": None', "")),
    ),
    Plant(
        "reader-who-left-opens-cases",
        "Cases open for a reader who has left the study.",
        (GUARDS + "test_no_case_opens_for_who_is_paused_or_has_left[left_at]",),
        edit("grading.access:_find", (', "left_at": None', "")),
    ),
    Plant(
        "door-of-a-locked-study",
        "Cases open for grading in a study that is not open.",
        (
            ACCESS + "test_no_case_opens_in_a_study_that_is_not_open[locked]",
            ACCESS + "test_no_case_opens_in_a_study_that_is_not_open[unblinded]",
        ),
        edit("grading.access:_find", ("study__state=ReaderStudy.State.OPEN,", "")),
    ),
    Plant(
        "withdrawn-assignment-opens",
        "A withdrawn assignment still opens.",
        (ACCESS + "test_withdrawn_assignment_is_absent",),
        edit("grading.access:_find", ("withdrawn_at__isnull=True,", "")),
    ),
    Plant(
        "order-is-not-enforced",
        "A reader chooses which case to read next.",
        (
            GUARDS + "test_a_case_out_of_turn_is_absent_for_page_and_call",
            ACCESS + "test_case_opens_for_the_person_whose_duty_it_is[grading:read_case-first_reader-unread]",
        ),
        put("grading.access:_is_its_turn", lambda assignment, now: True),
    ),
    Plant(
        "forbidden-differs-from-absent",
        "Another person's case answers 403: it exists.",
        (
            ACCESS
            + "test_case_opens_for_the_person_whose_duty_it_is[grading:adjudicate_case-first_reader-disputed]",
        ),
        _absent_page_names_the_case,
    ),
    Plant(
        "office-opens-for-readers",
        "The coordinator's pages open for everybody with a role in the study.",
        (
            ACCESS + "test_page_of_a_study_opens_for_its_roles_only[grading:overview]",
            ACCESS + "test_page_of_a_study_opens_for_its_roles_only[studies:cases]",
        ),
        edit(
            "readerstudy.studies.access:access_office",
            ("role is None or not any(getattr(role, name) for name in roles)", "role is None"),
        ),
    ),
    Plant(
        "results-before-unblinding",
        "The figures can be taken away while the study is locked or open.",
        ("tests/readerstudy/analysis/test_access.py::test_pages_by_role",),
        edit(
            "readerstudy.analysis.access:access_figures",
            ("study.state != ReaderStudy.State.UNBLINDED", "False"),
        ),
    ),
    # --- images and shared computers -----------------------------------------------------------------
    Plant(
        "repeat-shares-its-addresses",
        "A repeat has the UIDs and addresses of the first showing.",
        (GUARDS + "test_a_repeat_has_an_alias_of_its_own",),
        put("grading.places:presentation_alias", lambda assignment: ""),
    ),
    Plant(
        "one-queue-key-for-all",
        "Whoever uses the browser next can open the answers that wait in it.",
        (GUARDS + "test_the_queue_on_a_shared_computer_has_a_key_per_account",),
        edit("grading.blinding:offline_key", ("str(assignment.user.public_id)", '"everybody"')),
    ),
    Plant(
        "images-outlive-the-session",
        "Images stay open after sign-out.",
        (GUARDS + "test_images_end_with_the_session_that_opened_them",),
        put("readerstudy.accounts.ending:end_session", lambda **_: None),
    ),
    Plant(
        "images-outlive-the-submission",
        "Images of a submitted case stay open.",
        (GUARDS + "test_images_end_with_the_submission",),
        put("readerstudy.imaging.services.capability:close_presentation", lambda **_: 0),
    ),
    Plant(
        "cache-outlives-the-session",
        "The browser keeps images when the person leaves.",
        (
            "tests/readerstudy/accounts/test_sign_in.py::test_sign_out_ends_the_session_and_clears_cached_images",
        ),
        edit("readerstudy.accounts.views:sign_out", ("'\"cache\"'", "'\"executionContexts\"'")),
    ),
    # --- the way of the data ---------------------------------------------------------------------------
    Plant(
        "order-follows-the-import",
        "Cases are read in the order in which they came.",
        (
            ORDER + "test_order_is_uncorrelated_with[import]",
            ORDER + "test_order_is_uncorrelated_with[centre]",
            ORDER + "test_order_is_uncorrelated_with[truth]",
        ),
        edit(
            "readerstudy.studies.services.assignment.planning:_sessions",
            ("for place in generator.permutation(len(entries)):", "for place in range(len(entries)):"),
        ),
    ),
    Plant(
        "one-order-for-everybody",
        "All readers see the cases in one order: they can talk about number 7.",
        (ORDER + "test_two_readers_orders_say_nothing_of_each_other",),
        edit(
            "readerstudy.studies.services.assignment.planning:_sessions",
            (
                "for place in generator.permutation(len(entries)):",
                "for place in np.random.default_rng(len(all_cases)).permutation(len(entries)):",
            ),
        ),
    ),
    Plant(
        "list-in-an-order-of-its-own",
        "The worklist does not follow the stored order.",
        (GUARDS + "test_the_worklist_follows_the_stored_order",),
        edit("grading.queues:_mine", (".order_by(*IN_ORDER)", '.order_by("case_id")')),
    ),
    Plant(
        "compared-too-early",
        "Two of three first reads are compared; the third reader's answers never count.",
        (GUARDS + "test_nothing_is_compared_before_every_first_reader_has_submitted",),
        edit("grading.services.settlement:compare_first_reads", ("len(reads) < len(expected) or ", "")),
    ),
    Plant(
        "repeats-make-the-reference",
        "A repeat or an aided read takes part in the reference standard.",
        (READING + "test_repeats_aided_and_comparison_reads_make_no_reference",),
        edit(
            "grading.services.settlement:compare_first_reads",
            ("condition=Assignment.Condition.UNAIDED,", ""),
            ("occasion=1,", ""),
        ),
    ),
    Plant(
        "reopened-after-the-comparison",
        "A read changes after somebody may have seen where it differs.",
        (READING + "test_no_read_is_reopened_after_the_comparison",),
        edit("grading.services.reading:reopen_read", ("if case_is_compared(read.case_id):", "if False:")),
    ),
    Plant(
        "submitted-read-takes-answers",
        "Answers change after submission.",
        (READING + "test_submitted_is_final",),
        edit(
            "grading.services.saving:_locked_for_answers",
            (
                "if read.state == Read.State.SUBMITTED:",
                "_drop = __import__('tests.blinding.sabotage.plants').blinding.sabotage.plants\n"
                "    _drop.drop_triggers()\n    if False:",
            ),
        ),
    ),
    Plant(
        "silent-overwrite",
        "A window that saw an older state overwrites the newer answer.",
        (READING + "test_a_change_made_on_another_state_is_a_conflict_and_changes_nothing",),
        edit(
            "grading.services.saving:_save_one",
            ('if str(given.get("base") or "") != stands:', "if False:"),
        ),
    ),
    Plant(
        "counts-as-base",
        "Two windows that each changed a cell once count alike, and one overwrites the other.",
        (READING + "test_counts_that_meet_by_chance_do_not_overwrite",),
        edit(
            "grading.services.saving:_save_one",
            ('if str(given.get("base") or "") != stands:', 'if bool(given.get("base")) != bool(stands):'),
        ),
    ),
    Plant(
        "resent-save-is-a-conflict",
        "An answer whose acknowledgement was lost is told to be in conflict with itself.",
        (READING + "test_a_save_sent_twice_counts_once",),
        edit(
            "grading.services.saving:_save_one",
            ("if RatingEntry.objects.filter(read=read, client_key=key).exists():", "if False:"),
        ),
    ),
    Plant(
        "audited-items-change-the-reference",
        "The adjudicator's answer to an audited item replaces what the readers agreed on.",
        (SETTLING + "test_audited_items_look_like_the_others_and_change_no_reference",),
        edit("grading.services.adjudication:settle_item", ("if not discordance.is_audit and ", "if ")),
    ),
    Plant(
        "later-patients-move-earlier-ones",
        "A second draw of the partition deals everybody again.",
        (
            "tests/readerstudy/studies/test_partition.py::TestDraw::test_later_patients_never_move_earlier_ones",
        ),
        edit(
            "readerstudy.studies.services.partition:draw_partition",
            ('Patient.objects.filter(study=study, partition="")\n', "Patient.objects.filter(study=study)\n"),
            (
                'Patient.objects.filter(study=study, partition="", pseudonym',
                "Patient.objects.filter(study=study, pseudonym",
            ),
        ),
    ),
    Plant(
        "lock-without-what-was-signed",
        "The study is locked under data that the signer was not shown.",
        ("tests/readerstudy/analysis/test_locking.py::test_lock_refuses_what_was_not_shown",),
        edit("readerstudy.analysis.services.locking:lock", ("if digest != signed_digest:", "if False:")),
    ),
    Plant(
        "opened-again-after-unblinding",
        "An unblinded study is opened for reading again.",
        (
            "tests/readerstudy/analysis/test_locking.py::test_opening_again_needs_a_reason_and_is_never_possible_after_unblinding",
        ),
        edit(
            "readerstudy.studies.services.states:unlock_study",
            ("_held(study, ReaderStudy.State.LOCKED)", "_held(study, *ReaderStudy.State.values)"),
        ),
    ),
    # --- what the database itself keeps -----------------------------------------------------------------
    Plant(
        "no-trigger-on-submitted-reads",
        "The database lets a submitted read be changed.",
        (APPEND + "test_no_column_of_a_decision_changes_by_sql[Read]",),
        lambda patch: drop_triggers(),
        at_call=True,
    ),
    Plant(
        "reader-who-sees-results",
        "The database takes a blinded duty beside an unblinded role.",
        (
            "tests/readerstudy/studies/test_roles_and_states.py::TestRoles::"
            "test_database_refuses_a_blinded_duty_beside_an_unblinded_role[is_coordinator-is_reader]",
        ),
        statements("PRAGMA ignore_check_constraints = ON", undone_by="PRAGMA ignore_check_constraints = OFF"),
        at_call=True,
    ),
    Plant(
        "audit-event-without-a-chain",
        "A removed audit event leaves no trace.",
        ("tests/readerstudy/core/test_audit.py::TestChain::test_removed_event_is_seen",),
        edit(
            "readerstudy.core.audit:verify_chain",
            ("if row.number != expected:", "if False:"),
            ("if row.previous_digest != previous:", "if False:"),
            (
                "previous, expected = row.digest, row.number + 1",
                "previous, expected = row.digest, expected + 1",
            ),
            ("if chain is not None and (chain.length, chain.head) != (expected - 1, previous):", "if False:"),
        ),
    ),
)


def drop_triggers() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')
