"""What the page of models and runs shows."""

from typing import Any

from inference.models import ModelVersion
from inference.selectors import FitRow, registry_rows, run_rows
from inference.services.registry import fit_to_protocol
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.studies import current_protocol


def registry_page(study: ReaderStudy) -> dict[str, Any]:
    """Registry rows with their fit to the study's protocol, and the study's runs; primitives only."""
    protocol = current_protocol(study)
    fits = {
        model.pk: tuple(
            FitRow(line.what, line.fits, line.detail)
            for line in fit_to_protocol(model=model, protocol=protocol)
        )
        for model in ModelVersion.objects.all()
    }
    return {"models": registry_rows(study, fits), "runs": run_rows(study)}
