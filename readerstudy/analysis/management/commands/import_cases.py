"""``manage.py import_cases S cases.csv``: the list of cases of a study finished elsewhere."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_cases


class Command(ImportCommand):
    help = "Take in cases as `export` writes them: all rows or none."
    service = staticmethod(import_cases)
