"""``manage.py import_clinical S cases.csv``: pseudonyms, centre, sides and clinical data of imported cases."""

from readerstudy.analysis.management.importing import ImportCommand
from readerstudy.analysis.services.imports import import_clinical


class Command(ImportCommand):
    help = (
        "Take in dicom_patient_id, case_id, patient_id (and centre, laterality) with a column for each clinical "
        "value: all rows or none."
    )
    service = staticmethod(import_clinical)
