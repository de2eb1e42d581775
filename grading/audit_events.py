"""What happens to reads and items, as sentences."""

from readerstudy.core.audit import register_events

register_events(
    {
        "grading.read.opened": "opened their case {number}",
        "grading.aid.shown": "was shown the released aid of their case {number}, of model {model}",
        "grading.read.put_off": "put their case {number} off: {reason}",
        "grading.read.submitted": "submitted their case {number}: {n_answers} answers",
        "grading.read.images_unseen": "submitted their case {number} without seeing {series} at full quality: {reason}",
        "grading.read.reopened": "reopened a read of case {case}: {reason}",
        "grading.practice.begun": "began their {use}, try {number}",
        "grading.practice.ended": "ended their {use}, try {number}: {result}",
        "grading.dry_run.begun": "tried the reading out in a dry run with {n_cases} cases; nothing of it is kept",
        "grading.case.compared": "compared the first reads of case {case}",
        "grading.item.graded_covered": "graded {structure}, {finding} of case {case} before seeing the first reads",
        "grading.item.adjudicated": "settled {structure}, {finding} of case {case}",
        "grading.mark.adjudicated": "settled a mark ({kind}) of case {case}",
        "grading.joint.opened": "opened a joint session with {second}",
        "grading.joint.ended": "ended a joint session",
        "grading.item.sent_back": "sent back {structure}, {finding} of case {case}: {reason}",
        "grading.lesion.overruled": "the panel overruled a lesion ({kind}) of case {case}: {decision}",
        "grading.item.overruled": "overruled {structure}, {finding} of case {case}",
        "grading.case.reviewed": "gave a panel vote on case {case}",
        "grading.case.panel_read": "the panel's reads made the reference of case {case}",
        "grading.case.confirmed": "the panel confirmed case {case}",
    }
)
