"""What the API takes; answers themselves are checked against the protocol in `answers`."""

import json
from typing import Any

from rest_framework import serializers

from grading.services.unseen import UNSEEN_REASONS


class SaveAnswersSerializer(serializers.Serializer):
    answers = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=500)


RESUME_BYTES = 16_384


class PlaceSerializer(serializers.Serializer):
    resume = serializers.DictField()
    focused_seconds = serializers.IntegerField(min_value=0, max_value=10_000_000)
    idle_seconds = serializers.IntegerField(min_value=0, max_value=10_000_000)

    def validate_resume(self, resume: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(resume)
        # PostgreSQL's JSON has no NUL.
        if len(text) > RESUME_BYTES or "\\u0000" in text:
            raise serializers.ValidationError(f"A place has at most {RESUME_BYTES} bytes of plain values.")
        return resume


class SubmitSerializer(serializers.Serializer):
    """Which series were shown at full quality, and why the case is submitted without the others."""

    shown = serializers.ListField(child=serializers.CharField(max_length=64), max_length=500, default=list)
    reason = serializers.ChoiceField(choices=UNSEEN_REASONS, allow_blank=True, default="")
    words = serializers.CharField(max_length=300, allow_blank=True, default="")


class FirstGradeSerializer(serializers.Serializer):
    structure = serializers.CharField(max_length=40)
    finding = serializers.CharField(max_length=40)
    answer = serializers.DictField()


class SettleSerializer(serializers.Serializer):
    structure = serializers.CharField(max_length=40)
    finding = serializers.CharField(max_length=40)
    choice = serializers.CharField(max_length=8)
    answer = serializers.DictField(required=False)
    reason_code = serializers.CharField(max_length=40, allow_blank=True, default="")


class ConfirmSerializer(serializers.Serializer):
    overruled = serializers.ListField(child=serializers.DictField(), max_length=2000, default=list)


class ItemSerializer(serializers.Serializer):
    structure = serializers.CharField(max_length=40)
    finding = serializers.CharField(max_length=40)


class SendBackSerializer(ItemSerializer):
    """An item, and why: one of the protocol's reasons, or words where it has none."""

    reason_code = serializers.CharField(max_length=40, allow_blank=True, default="")
    reason_text = serializers.CharField(max_length=200, allow_blank=True, default="")
