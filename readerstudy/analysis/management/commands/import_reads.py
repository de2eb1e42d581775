"""``manage.py import_reads S reads.csv``: the reads of a study finished elsewhere."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_reads


class Command(ImportCommand):
    help = "Take in reads as `export` writes them: all rows or none."
    service = staticmethod(import_reads)
