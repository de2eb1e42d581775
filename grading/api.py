"""What the reading, adjudication and panel pages call while a person works."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from grading import serializers
from grading.access import (
    access_adjudication,
    access_assignment,
    access_joint_case,
    access_panel_case,
)
from grading.answers import BadAnswer
from grading.blinding import uncovered, worklist_address
from grading.models import JointSession, Read
from grading.practice import is_practice
from grading.practice_pages import after_practice_read
from grading.queues import worklist_of
from grading.selectors import n_open_items
from grading.services.adjudication import (
    AdjudicationRefused,
    AlreadySettled,
    give_covered_grade,
    settle_item,
)
from grading.services.marks import MarkAlreadySettled, MarkRefused, settle_mark
from grading.services.panel import PanelRefused, review_case, send_back
from grading.services.reading import (
    ReadAlreadySubmitted,
    ReadIncomplete,
    ReadRefused,
    open_read,
    save_place,
    submit_read,
)
from grading.services.saving import MARK, save_answers
from grading.services.unseen import ImagesNotShown, ImagesShown
from readerstudy.studies.models import Assignment


def _refused(code: str, detail: str, status: int = 409, **more: Any) -> Response:
    return Response({"code": code, "detail": str(detail), **more}, status=status)


ALREADY = _("This case was already submitted. Your first answers stand.")
SETTLED = _("This item is settled already; the first decision stands.")


class ReadView(APIView):
    """Base of the reader's calls: the door, and the read behind it."""

    def read_of(self, request: Request, assignment: UUID) -> tuple[Assignment, Read]:
        found = access_assignment(reader=request.user, assignment=assignment)
        return found, open_read(assignment=found, at=timezone.now())


class AnswersView(ReadView):
    """Save cells and answers about the case; each result says saved, conflict or refused."""

    @extend_schema(request=serializers.SaveAnswersSerializer, responses={200: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.SaveAnswersSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        _, read = self.read_of(request, assignment)
        try:
            results = save_answers(
                read_id=read.pk, answers=given.validated_data["answers"], at=timezone.now()
            )
        except ReadAlreadySubmitted:
            return _refused("already_submitted", ALREADY)
        except ReadRefused as error:
            return _refused("refused", str(error))
        return Response({"results": [asdict(result) for result in results]})


class PlaceView(ReadView):
    """Keep where the reader is, for resuming."""

    @extend_schema(request=serializers.PlaceSerializer, responses={204: None})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.PlaceSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        _, read = self.read_of(request, assignment)
        save_place(read_id=read.pk, **given.validated_data)
        return Response(status=204)


class SubmitView(ReadView):
    """Close the read for good; the answer names the page to go to."""

    @extend_schema(request=serializers.SubmitSerializer, responses={200: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.SubmitSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found, read = self.read_of(request, assignment)
        data = given.validated_data
        images = ImagesShown(frozenset(data["shown"]), data["reason"], data["words"])
        try:
            submit_read(read_id=read.pk, at=timezone.now(), images=images)
        except ReadIncomplete as error:
            return _refused("incomplete", str(error), missing=[list(item) for item in error.missing])
        except ImagesNotShown as error:
            return _refused("images_not_shown", str(error), series=list(error.series))
        except ReadAlreadySubmitted:
            return _refused("already_submitted", ALREADY)
        except ReadRefused as error:
            return _refused("refused", str(error))
        if is_practice(found):
            return Response({"next": after_practice_read(found)})
        listed = worklist_of(study=found.study, reader=request.user, duty=found.duty.duty)
        following = listed.current
        return Response({"next": following.address if following else worklist_address(found)})


class FirstGradeView(APIView):
    """Take the adjudicator's own grade of a covered item; the answer uncovers A and B."""

    @extend_schema(request=serializers.FirstGradeSerializer, responses={200: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.FirstGradeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        found = access_adjudication(adjudicator=request.user, assignment=assignment)
        try:
            own = give_covered_grade(
                assignment=found,
                structure=data["structure"],
                finding=data["finding"],
                given=data["answer"],
                at=timezone.now(),
            )
        except AlreadySettled:
            return _refused("already_settled", SETTLED)
        except AdjudicationRefused as error:
            return _refused("refused", str(error))
        except BadAnswer as error:
            return _refused("bad_answer", str(error), status=400)
        return Response(uncovered(own))


class SettleView(APIView):
    """Settle one item."""

    @extend_schema(request=serializers.SettleSerializer, responses={200: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.SettleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        found = access_adjudication(adjudicator=request.user, assignment=assignment)
        return settled(found, data)


def settled(assignment: Assignment, data: dict[str, Any], joint: JointSession | None = None) -> Response:
    """Settle an item or, under the structure "@", a disputed mark."""
    asked = {
        "assignment": assignment,
        "choice": data["choice"],
        "given": data.get("answer"),
        "reason_code": data["reason_code"],
        "at": timezone.now(),
        "joint": joint,
    }
    try:
        if data["structure"] == MARK:
            settle_mark(item=data["finding"], **asked)
        else:
            settle_item(structure=data["structure"], finding=data["finding"], **asked)
    except (AlreadySettled, MarkAlreadySettled):
        return _refused("already_settled", SETTLED)
    except (AdjudicationRefused, MarkRefused) as error:
        return _refused("refused", str(error))
    except BadAnswer as error:
        return _refused("bad_answer", str(error), status=400)
    return Response({"n_open": n_open_items(assignment.case_id)})


class JointSettleView(APIView):
    """Settle one item together; both readers are in front of this browser."""

    @extend_schema(request=serializers.SettleSerializer, responses={200: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.SettleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = access_joint_case(
            reader=request.user,
            assignment=assignment,
            session_key=request.session.session_key or "",
            at=timezone.now(),
        )
        return settled(found.assignment, given.validated_data, found.joint)


class ConfirmView(APIView):
    """Vote on a case: confirm all items but those overruled."""

    @extend_schema(request=serializers.ConfirmSerializer, responses={200: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.ConfirmSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = access_panel_case(member=request.user, assignment=assignment)
        try:
            review_case(assignment=found, overruled=given.validated_data["overruled"], at=timezone.now())
        except PanelRefused as error:
            return _refused("refused", str(error))
        except BadAnswer as error:
            return _refused("bad_answer", str(error), status=400)
        return Response({})


class SendBackView(APIView):
    """Send an adjudicated item back to the adjudicator."""

    @extend_schema(request=serializers.SendBackSerializer, responses={200: dict, 400: dict, 409: dict})
    def post(self, request: Request, assignment: UUID) -> Response:
        given = serializers.SendBackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        found = access_panel_case(member=request.user, assignment=assignment)
        try:
            send_back(assignment=found, **given.validated_data, at=timezone.now())
        except PanelRefused as error:
            return _refused("refused", str(error))
        except BadAnswer as error:
            return _refused("bad_answer", str(error), status=400)
        return Response({})
