"""What happens to models and their runs, as sentences. No sentence names a grade or a probability."""

from readerstudy.core.audit import register_events

register_events(
    {
        "inference.model.registered": "registered the model {name} {version}, {digest}",
        "inference.model.validated": "checked the model {name} {version}: the self-test passed",
        "inference.model.approved": "approved the model {name} {version} for runs",
        "inference.model.retired": "retired the model {name} {version}: {reason}",
        "inference.model.attached": "attached the model {name} {version} to the study",
        "inference.run.started": "started run {number} of {model} on {n} cases",
        "inference.run.paused": "paused run {number}",
        "inference.run.resumed": "resumed run {number}",
        "inference.run.stopped": "stopped run {number}; {n} cases were not run",
        "inference.run.retried": "asked for {n} failed cases of run {number} again",
        "inference.points.published": "published the joint points of run {number} in {n} cases",
        "inference.training.started": "started training {number} of {model} on training set {training_set}",
        "inference.training.stopped": "stopped training {number}",
        "inference.training.retried": "asked for training {number} again",
        "inference.training.finished": "training {number} made the model {model}",
        "inference.training.test_opened": "opened the test partition for {model} of training {number}, once",
        "inference.case.graded": "ran {model} on case {case}: {outcome}",
    }
)
