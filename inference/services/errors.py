"""Why an act on a model or a run was refused. The text is for people; nothing was changed."""

from django.utils.translation import gettext as _

from inference.engine.specification import FitLine
from inference.reasons import shown


class InferenceRefused(Exception):
    """An act that the state of the model, the run or the study does not allow."""


class ModelDoesNotFit(InferenceRefused):
    """The model's output schema does not fit the study's protocol."""

    def __init__(self, report: tuple[FitLine, ...]) -> None:
        self.report = report
        wrong = "; ".join(f"{line.what}: {shown(line.detail)}" for line in report if not line.fits)
        super().__init__(
            _("The model does not fit the protocol (%(wrong)s). Nothing was changed.") % {"wrong": wrong}
        )
