"""What /api/v1/ says and takes of runs: how they stand, never what a model predicted."""

from rest_framework import serializers


class StartRunSerializer(serializers.Serializer):
    model = serializers.CharField(
        max_length=140, help_text="public id, or name and version as `name:version`"
    )
    cases = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        allow_empty=False,
        help_text="pseudonyms; every included case where they are not named",
    )


class RunRowSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    model = serializers.CharField()
    started_at = serializers.DateTimeField()


class RunsSerializer(serializers.Serializer):
    runs = RunRowSerializer(many=True)


class CaseStateSerializer(serializers.Serializer):
    case = serializers.CharField()
    state = serializers.CharField(help_text="waiting, now, done, in-part, failed, refused or held")
    reason = serializers.CharField(allow_blank=True)


class RunSerializer(RunRowSerializer):
    paused = serializers.BooleanField()
    stopped = serializers.BooleanField()
    is_finished = serializers.BooleanField()
    n_total = serializers.IntegerField()
    n_ended = serializers.IntegerField()
    n_failed = serializers.IntegerField()
    seconds_left = serializers.IntegerField(allow_null=True)
    cases = CaseStateSerializer(many=True)


class RefusalSerializer(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()
