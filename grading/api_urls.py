"""The grading part of /api/v1/."""

from django.urls import path

from grading import api

urlpatterns = [
    path("reads/<uuid:assignment>/answers/", api.AnswersView.as_view(), name="read-answers"),
    path("reads/<uuid:assignment>/place/", api.PlaceView.as_view(), name="read-place"),
    path("reads/<uuid:assignment>/submit/", api.SubmitView.as_view(), name="read-submit"),
    path("adjudications/<uuid:assignment>/settle/", api.SettleView.as_view(), name="item-settle"),
    path(
        "adjudications/<uuid:assignment>/first-grade/", api.FirstGradeView.as_view(), name="item-first-grade"
    ),
    path("joint/<uuid:assignment>/settle/", api.JointSettleView.as_view(), name="joint-settle"),
    path("panels/<uuid:assignment>/confirm/", api.ConfirmView.as_view(), name="panel-confirm"),
    path("panels/<uuid:assignment>/send-back/", api.SendBackView.as_view(), name="panel-send-back"),
]
