"""``manage.py import_lesions S lesions.csv``: the lesions of the reference standard."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_lesions


class Command(ImportCommand):
    help = "Take in lesions as `export` writes them: all rows or none."
    service = staticmethod(import_lesions)
