"""``manage.py import_reference S reference.csv``: the reference of a study finished elsewhere."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_reference


class Command(ImportCommand):
    help = "Take in reference as `export` writes them: all rows or none."
    service = staticmethod(import_reference)
