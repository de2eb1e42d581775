"""The page that takes a table in, as words."""

from django.utils.translation import gettext as _

from readerstudy.analysis.exchange_columns import MEANING


def table_names() -> dict[str, str]:
    """Return the tables that can enter."""
    return {
        "cases": _("Cases"),
        "clinical": _("Names and clinical data of imported images"),
        "reads": _("Reads"),
        "reference": _("Reference standard"),
        "predictions": _("Predictions"),
        "lesions": _("Lesions"),
        "marks": _("Marks"),
    }


def column_meaning(name: str) -> str:
    """Return what a column means, as the data dictionary says."""
    return MEANING.get(name, "")
