"""
The aid that was released to a showing: what its page is told, and what a save records of it.

An unaided showing has none, whatever rows there are. Nothing else of a model is ever looked at here.
"""

from typing import Any

from readerstudy.studies.models import Assignment, ReleasedAid


def shown_aid(assignment: Assignment) -> ReleasedAid | None:
    """Return the aid that a showing is read with; None for an unaided one."""
    if assignment.condition != Assignment.Condition.AIDED:
        return None
    return ReleasedAid.objects.filter(assignment=assignment).first()


def aid_words(assignment: Assignment) -> dict[str, Any]:
    """
    Return the part of the page's JSON that an aided read has, and an unaided one has not.

    By item: the grade that the aid comes to, and the share of each grade in whole percent.
    """
    aid = shown_aid(assignment)
    if aid is None:
        return {}
    return {
        "aid": {
            item: {
                "grade": said["grade"],
                "percent": [round(100 * share) for share in said["probabilities"]],
            }
            for item, said in aid.payload.items()
        }
    }
