"""The shape of the API's answers, for its description: figures are nested JSON values, listed in docs/api.md."""

from rest_framework import serializers


class HeadSerializer(serializers.Serializer):
    """From which snapshot an answer comes."""

    study = serializers.CharField()
    is_demonstration = serializers.BooleanField()
    snapshot = serializers.IntegerField()
    data_hash = serializers.CharField()
    protocol_digest = serializers.CharField()
    code_version = serializers.CharField()
    seed = serializers.IntegerField()


class SummarySerializer(HeadSerializer):
    """The plan, the flow, and the states that were computed with the snapshot."""

    summary = serializers.JSONField()
    plan = serializers.JSONField()
    views = serializers.ListField(child=serializers.CharField())


class FiguresSerializer(HeadSerializer):
    """Figures of one state: estimates carry value, low, high, se, n, n_clusters, method, undefined_because, note."""

    figures = serializers.JSONField()


class ResampledSerializer(FiguresSerializer):
    """Average precision, calibration error, and the model at each reader's specificity."""


class MarksSerializer(HeadSerializer):
    """Partition -> people, conditions, model; of the primary set, and of the others where they differ."""

    marks = serializers.JSONField()
    marks_of_sets = serializers.JSONField()


class ReadersSerializer(HeadSerializer):
    """Times, findings, disagreement, audit."""

    readers = serializers.JSONField()


class ItemSerializer(serializers.Serializer):
    """One item: a grade, or a word for what is none."""

    case = serializers.CharField()
    structure = serializers.CharField()
    finding = serializers.CharField()
    reference = serializers.JSONField()
    provenance = serializers.CharField()
    basis = serializers.CharField()
    reads = serializers.ListField(child=serializers.JSONField(), help_text="in the order of `readers`")
    model = serializers.JSONField()
    score = serializers.FloatField(allow_null=True)


class ItemsSerializer(HeadSerializer):
    """The items of a cell."""

    readers = serializers.ListField(child=serializers.CharField())
    items = ItemSerializer(many=True)
