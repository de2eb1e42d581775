"""Addresses of what stands beside a reader's case."""

from django.urls import path

from grading.desk import views

urlpatterns = [
    path("studies/<slug:slug>/session/", views.session_start, name="session_start"),
    path("studies/<slug:slug>/charter/", views.charter, name="charter"),
    path("studies/<slug:slug>/messages/", views.messages_page, name="messages"),
    path("studies/<slug:slug>/messages/unblinded/", views.unblinded, name="unblinded"),
    path("read/<uuid:assignment>/put-off/", views.put_off, name="put_off"),
    path("read/<uuid:assignment>/reopen/", views.reopen, name="reopen"),
    path("read/<uuid:assignment>/report/", views.report, name="report"),
]
