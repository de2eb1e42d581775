"""The partition: by patient, drawn once, as near to the shares as whole patients allow, stratified."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Centre, Draw, Patient, ReaderStudy
from readerstudy.studies.services.errors import WrongState
from readerstudy.studies.services.partition import draw_partition, largest_remainder
from tests.factories.studies import AT, make_cases, make_study


# A busy machine draws slowly; that says nothing of what is tested.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(0, 3000),
    weights=st.lists(st.integers(1, 100), min_size=1, max_size=5),
)
def test_largest_remainder_gives_everyone_away_and_strays_by_less_than_one(n, weights):
    shares = [weight / sum(weights) for weight in weights]
    counts = largest_remainder(n, shares)
    assert sum(counts) == n
    assert all(abs(count - n * share) < 1 + 1e-9 for count, share in zip(counts, shares, strict=True))


def test_largest_remainder_of_the_registered_study():
    """1,132 patients at 70/15/15 (NCT05635006): 792.4, 169.8, 169.8."""
    assert largest_remainder(1132, [0.70, 0.15, 0.15]) == [792, 170, 170]


def partitions(study) -> dict[str, str]:
    return dict(Patient.objects.filter(study=study).values_list("pseudonym", "partition"))


@pytest.fixture
def study(db):
    return make_study()


class TestDraw:
    def test_each_centre_is_dealt_by_the_shares(self, study):
        make_cases(study, [f"a{n}" for n in range(40)], centre="A")
        make_cases(study, [f"b{n}" for n in range(20)], centre="B")
        draw_partition(study=study, seed=1, actor=None, at=AT)
        rows = Patient.objects.filter(study=study).values_list("centre__code", "partition")
        assert Counter(rows) == {
            ("A", "train"): 28,
            ("A", "validation"): 6,
            ("A", "test"): 6,
            ("B", "train"): 14,
            ("B", "validation"): 3,
            ("B", "test"): 3,
        }

    def test_external_centres_are_kept_apart(self, study):
        make_cases(study, [f"a{n}" for n in range(10)], centre="A")
        make_cases(study, [f"x{n}" for n in range(5)], centre="X", is_external=True)
        draw_partition(study=study, seed=1, actor=None, at=AT)
        external = Patient.objects.filter(study=study, partition="external")
        assert set(external.values_list("centre__code", flat=True)) == {"X"}
        assert external.count() == 5

    def test_seed_decides_and_nothing_else(self, db):
        drawn = []
        for slug, seed in (("one", 5), ("two", 5), ("three", 6)):
            study = make_study(slug)
            make_cases(study, [f"case{n:02d}" for n in range(30)])
            draw_partition(study=study, seed=seed, actor=None, at=AT)
            drawn.append(partitions(study))
        assert drawn[0] == drawn[1]
        assert drawn[0] != drawn[2]

    def test_later_patients_never_move_earlier_ones(self, study):
        make_cases(study, [f"a{n}" for n in range(20)])
        first = draw_partition(study=study, seed=1, actor=None, at=AT)
        before = partitions(study)
        make_cases(study, [f"later{n}" for n in range(20)])
        second = draw_partition(study=study, seed=2, actor=None, at=AT)
        after = partitions(study)
        assert {name: after[name] for name in before} == before
        assert "" not in after.values()
        assert (first.number, second.number) == (1, 2)
        draws = Patient.objects.filter(study=study).values_list("partition_draw__number", flat=True)
        assert Counter(draws) == {1: 20, 2: 20}

    def test_seed_rule_and_digest_are_on_record(self, study):
        make_cases(study, ["a", "b"])
        draw = draw_partition(study=study, seed=77, actor=None, at=AT)
        assert (draw.purpose, draw.seed, draw.rule["train"]) == (Draw.Purpose.PARTITION, 77, 0.7)
        event = AuditEvent.objects.get(event="studies.partition.drawn")
        assert (event.detail["seed"], event.detail["digest"]) == (77, draw.result_digest)

    @pytest.mark.parametrize("state", ["locked", "unblinded"])
    def test_nothing_is_drawn_after_the_lock(self, study, state):
        make_cases(study, ["a"])
        ReaderStudy.objects.filter(pk=study.pk).update(state=state, locked_at=AT, unblinded_at=AT)
        with pytest.raises(WrongState):
            draw_partition(study=study, seed=1, actor=None, at=AT)
        assert partitions(study) == {"P-a": ""}

    def test_one_patient_stands_in_one_partition(self, study):
        """Several cases of a patient share the patient's row, so that none can stray."""
        make_cases(study, ["a"])
        assert {field.name for field in Patient._meta.fields} >= {"partition", "partition_draw"}
        assert Centre.objects.get().patients.count() == 1
