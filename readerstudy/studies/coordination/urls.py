"""Addresses of the coordinator's pages beside cases and assignments."""

from django.urls import path

from readerstudy.studies.coordination import views

urlpatterns = [
    path("queries/", views.queries, name="queries"),
    path("deviations/", views.deviations, name="deviations"),
    path("deviations/unblinding/", views.report_unblinding, name="report_unblinding"),
    path("invitations/", views.invitations, name="invitations"),
    path("protocol/edit/", views.edit_protocol, name="edit_protocol"),
    path("protocol/check/", views.check_protocol, name="check_protocol"),
]
