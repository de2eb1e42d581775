"""``manage.py import_marks S marks.csv``: the marks of readers and models."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_marks


class Command(ImportCommand):
    help = "Take in marks as `export` writes them: all rows or none."
    service = staticmethod(import_marks)
