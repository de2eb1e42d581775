"""The reads of one reader, one by one, and what taking one back would do. No grade, and never what was answered."""

from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, When
from django.http import Http404

from grading.models import Rating, Read
from grading.services.handover import handover_of
from grading.services.reassigning import is_submitted, later_showings
from grading.sessions import submitted_read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.wording import condition_words

READS_PER_PAGE = 100


@dataclass(frozen=True)
class ReadRow:
    """One showing of a case to a reader; `number` is what the reader calls it."""

    public_id: str
    number: int
    case: str
    session: int
    is_repeat: bool
    condition: str
    is_begun: bool
    is_submitted: bool
    is_withdrawn: bool
    due_date: date | None


@dataclass(frozen=True)
class Consequences:
    """
    What taking a read back does.

    Parameters
    ----------
    withdrawn : tuple of ReadRow
        The read and the reader's later showings of the case, which would mean nothing without it.
    n_answers : int
        How many answers were given and would count nowhere.
    n_first, n_first_left : int
        First reads of the case that make its reference, now and afterwards; both 0 where none is withdrawn.
    is_compared : bool
        Whether the first reads that are left are all submitted, so that the case is compared at once.
    successors : tuple of (code, name)
        Who could be given the case instead: active readers without a duty for it. None once a showing is submitted.
    """

    withdrawn: tuple[ReadRow, ...]
    n_answers: int
    n_first: int
    n_first_left: int
    is_compared: bool
    successors: tuple[tuple[str, str], ...]

    @property
    def lacks_readers(self) -> bool:
        return self.n_first > 0 and self.n_first_left < 2


def reader_role(study: ReaderStudy, code: str) -> StudyRole:
    """Return a reader's role. Raises Http404 where the study has no reader of that code."""
    found = StudyRole.objects.select_related("user").filter(study=study, code=code, is_reader=True).first()
    if found is None:
        raise Http404("There is nothing here for you.")
    return found


def reader_assignment(study: ReaderStudy, assignment: object) -> Assignment:
    """Return a reader's showing of a case of the study. Raises Http404 where there is none."""
    found = _showings(study).filter(public_id=assignment).first()
    if found is None:
        raise Http404("There is nothing here for you.")
    return found


def _showings(study: ReaderStudy) -> "QuerySet[Assignment]":
    """Every showing of a case of the study to a reader; practice is not the study's."""
    return Assignment.objects.filter(
        study=study, duty__duty=CaseDuty.Duty.READER, session__gt=0
    ).select_related("case", "user", "study")


def reads_page(study: ReaderStudy, reader: User, number: object) -> Page:
    """Return one page of a reader's showings in their order: those that are not submitted come first."""
    standing = Read.objects.filter(assignment=OuterRef("pk"), superseded_at__isnull=True)
    found = (
        _showings(study)
        .filter(user=reader)
        .annotate(read_state=Subquery(standing.values("state")[:1]))
        .annotate(
            is_behind=Case(When(Q(withdrawn_at__isnull=False) | Q(read_state="submitted"), then=1), default=0)
        )
        .order_by("is_behind", "session", "position", "pk")
    )
    page = Paginator(found, READS_PER_PAGE).get_page(number)
    page.object_list = [_row(each, each.read_state) for each in page.object_list]
    return page


def _row(showing: Assignment, state: str | None) -> ReadRow:
    return ReadRow(
        public_id=str(showing.public_id),
        number=showing.running_number,
        case=showing.case.pseudonym,
        session=showing.session,
        is_repeat=showing.occasion > 1,
        condition=condition_words([showing.condition]),
        is_begun=state is not None,
        is_submitted=state == Read.State.SUBMITTED,
        is_withdrawn=showing.withdrawn_at is not None,
        due_date=showing.due_date,
    )


def consequences_of(showing: Assignment) -> Consequences:
    """Return what taking a read back does."""
    gone = [showing, *later_showings(showing)]
    states = dict(
        Read.objects.filter(assignment__in=gone, superseded_at__isnull=True).values_list(
            "assignment", "state"
        )
    )
    first = list(
        _showings(showing.study)
        .filter(
            case=showing.case_id,
            condition=Assignment.Condition.UNAIDED,
            occasion=1,
            withdrawn_at__isnull=True,
        )
        .exclude(user__in=StudyRole.objects.filter(study=showing.study, is_truther=False).values("user"))
    )
    is_first = any(each.pk == showing.pk for each in first)
    left = [each for each in first if each.user_id != showing.user_id]
    return Consequences(
        withdrawn=tuple(_row(each, states.get(each.pk)) for each in gone),
        n_answers=Rating.objects.filter(read__assignment__in=gone, read__superseded_at__isnull=True).count(),
        n_first=len(first) if is_first else 0,
        n_first_left=len(left) if is_first else 0,
        is_compared=is_first and len(left) >= 2 and all(is_submitted(each) for each in left),
        successors=_successors(showing),
    )


def _successors(showing: Assignment) -> tuple[tuple[str, str], ...]:
    own = Assignment.objects.filter(user=showing.user_id, case=showing.case_id, withdrawn_at__isnull=True)
    if any(is_submitted(each) for each in own):
        return ()
    taken = CaseDuty.objects.filter(case=showing.case_id).values("user")
    free = (
        StudyRole.objects.filter(study=showing.study, is_reader=True, left_at__isnull=True)
        .exclude(user__in=taken)
        .select_related("user")
        .order_by("code")
    )
    return tuple((role.code, str(role.user)) for role in free)


@dataclass(frozen=True)
class HandoverPage:
    """
    What changes hands, session by session.

    Parameters
    ----------
    rows : tuple of (session, given, withdrawn, kept)
        Numbers of showings.
    n_begun : int
        How many of those that go were begun.
    leaves : bool
        Whether the reader leaves the study for good.
    digest : str
        Of what changes hands; ``nothing`` where a reader leaves who has nothing to give.
    """

    rows: tuple[tuple[int, int, int, int], ...]
    n_given: int
    n_begun: int
    n_lost: int
    leaves: bool
    digest: str

    @property
    def n_kept(self) -> int:
        return sum(kept for _session, _given, _lost, kept in self.rows)


def handover_page(study: ReaderStudy, leaver: User, successor: User, *, leaves: bool) -> HandoverPage:
    """
    Return what would change hands.

    Raises
    ------
    StudyRefused
        If nothing can, and the reader does not leave either.
    """
    waits = _showings(study).filter(~submitted_read(), user=leaver, withdrawn_at__isnull=True)
    if leaves and not waits.exists():
        return HandoverPage((), 0, 0, 0, leaves, "nothing")
    plan = handover_of(study=study, leaver=leaver, successor=successor)
    groups = (plan.given, plan.lost, plan.kept)
    sessions = sorted({each.session for group in groups for each in group})
    moved = [each.pk for each in (*plan.given, *plan.lost)]
    return HandoverPage(
        rows=tuple(
            (session, *(sum(each.session == session for each in group) for group in groups))
            for session in sessions
        ),
        n_given=len(plan.given),
        n_begun=Read.objects.filter(assignment__in=moved, superseded_at__isnull=True).count(),
        n_lost=len(plan.lost),
        leaves=leaves,
        digest=plan.digest,
    )
