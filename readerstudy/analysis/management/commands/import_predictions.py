"""``manage.py import_predictions S predictions.csv``: the predictions of a study finished elsewhere."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_predictions


class Command(ImportCommand):
    help = "Take in predictions as `export` writes them: all rows or none."
    service = staticmethod(import_predictions)
