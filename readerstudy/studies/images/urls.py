"""Addresses of the coordinator's page of images."""

from django.urls import path

from readerstudy.studies.images import copies_views, sides_views, views

urlpatterns = [
    path("images/", views.images, name="images"),
    path("images/uploads/", views.begin, name="begin_upload"),
    path("images/uploads/<uuid:batch>/missing/", views.missing, name="upload_missing"),
    path("images/uploads/<uuid:batch>/files/", views.add_file, name="upload_file"),
    path("images/uploads/<uuid:batch>/finish/", views.finish, name="finish_upload"),
    path("images/text-in-pixels/", views.text_in_pixels, name="text_in_pixels"),
    path("cases/<uuid:case>/sides/", sides_views.sides, name="case_sides"),
    path("images/copies/", copies_views.copies, name="copies"),
    path("images/copies/<uuid:copy>/", copies_views.download, name="copies_download"),
    path("images/copies/<uuid:copy>/end/", copies_views.end, name="end_copies"),
    path("images/take/", views.take, name="take_from_archive"),
    path("images/imports/<uuid:batch>/", views.report, name="import_report"),
    path("images/imports/<uuid:batch>/take-in/", views.take_in, name="take_in_upload"),
    path("images/imports/<uuid:batch>/give-up/", views.give_up, name="give_up_upload"),
    path("images/imports/<uuid:batch>/report.csv", views.report_csv, name="import_report_csv"),
    path("dicomweb/studies", views.stow, name="stow"),
]
