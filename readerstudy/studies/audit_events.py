"""What happens to a study before and around reading, as sentences."""

from readerstudy.core.audit import register_events

register_events(
    {
        "studies.study.created": "created the study from protocol {protocol}, version {version}",
        "studies.study.opened": "opened the study for reading; protocol {digest}",
        "studies.study.locked": "locked the study; data {digest}",
        "studies.study.unlocked": "opened the locked study again: {reason}",
        "studies.study.unblinded": "unblinded the study; predictions {digest}",
        "studies.protocol.amended": "amended the protocol to version {version}, {digest}: {reason}",
        "studies.role.granted": "gave {person} the roles {roles}",
        "studies.role.removed": "took all roles from {person}",
        "studies.session.begun": "acknowledged the viewing conditions: {screen}, steps {steps} told apart",
        "studies.charter.acknowledged": "acknowledged the charter, version {version}",
        "studies.query.asked": "{person} asked the coordinator ({kind})",
        "studies.query.answered": "answered a query of {person}",
        "studies.deviation.noted": "noted a protocol deviation ({touches}); leaves the per-protocol set: {leaves}",
        "studies.unblinding.reported": "reported that {person} was unblinded by accident: {what}",
        "studies.invitation.sent": "invited {person} as {roles}",
        "studies.invitation.accepted": "accepted the invitation",
        "studies.cases.imported": "imported {n_cases} cases from {source}",
        "studies.case.included": "included case {case}",
        "studies.case.included_lacking": "included case {case} without {kinds}, which the protocol requires: {reason}",
        "studies.case.excluded": "excluded case {case}: {reason}",
        "studies.case.withdrawn": "withdrew case {case} and erased its images",
        "studies.case.joined": (
            "joined {joined} to case {case}: {n} imaging studies came, {n_taken_back} unopened reads were taken back"
        ),
        "studies.case.taken_out": "took {n} imaging studies out of case {case} into case {new}",
        "studies.case.sides_accepted": "accepted the sides of case {case} by convention",
        "studies.case.stated": "took from {source} of case {case}: {changed}",
        "studies.case.numbered": "fixed the level numbering of case {case}: {variant}",
        "studies.copies.requested": "asked for de-identified copies of {n_cases} cases",
        "studies.copies.made": "made de-identified copies of {n_cases} cases, {n_images} images",
        "studies.copies.downloaded": "downloaded de-identified copies, {n_images} images",
        "studies.copies.ended": "stopped or removed de-identified copies",
        "studies.landmarks.imported": "imported {n} places",
        "studies.partition.drawn": "drew the partitions with seed {seed}: {counts}",
        "studies.practice.taken": "took {n_training} cases for training and {n_calibration} for calibration",
        "studies.assignment.drawn": "assigned {n} reads with seed {seed}",
        "studies.assignment.reassigned": "gave {n} reads of {person} to {successor} with seed {seed}: {reason}",
        "studies.assignment.due": "set the due date of {n} reads of {person}: {date}",
        "studies.role.paused": "paused {person}: {reason}",
        "studies.role.resumed": "ended the pause of {person}",
        "studies.role.left": "{person} left the study, {successor} takes over: {reason}",
        "studies.assignment.withdrawn": "withdrew an assignment of {person}: {reason}",
    }
)
