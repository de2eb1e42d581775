"""Marks matched one to one: the rule's borders, the best assignment, and places that cannot be compared."""

from itertools import permutations

import pytest

from grading.matching import Place, group_marks, quality
from readerstudy.studies.protocols.loading import load_protocol
from tests.factories.protocols import LESION, small_source


def kind(match, shape="box3d", keep="first"):
    rule = {"match": match, "class": "same", "keep": keep}
    return load_protocol(small_source(marks=[{**LESION, "shape": shape, "agreement": rule}])).marks[0]


def box(key, x, size=10.0, cls="bulge", frame="mm", y=0.0, z=0.0):
    return Place(key, cls, (x, y, z), (x + size, y + size, z + size), frame)


def keys(groups):
    return [tuple(place.key if place else None for place in group) for group in groups]


def test_overlap_of_boxes_at_the_border_of_the_rule():
    # Moved by 5 of 10 mm along one axis: a third of the union is shared.
    first, second = box("a", 0.0), box("b", 5.0)
    assert quality(kind({"iou": 0.3}), first, second) == pytest.approx(1 / 3)
    assert quality(kind({"iou": 0.34}), first, second) is None
    assert quality(kind({"iou": 0.01}), first, box("c", 10.0)) is None


def test_rectangles_on_one_image_compare_by_area():
    first = Place("a", "bulge", (3.0, 0.0, 0.0), (3.0, 10.0, 10.0), "mm")
    second = Place("b", "bulge", (3.0, 5.0, 0.0), (3.0, 15.0, 10.0), "mm")
    assert quality(kind({"iou": 0.3}, "box"), first, second) == pytest.approx(1 / 3)
    other_image = Place("c", "bulge", (7.0, 0.0, 0.0), (7.0, 10.0, 10.0), "mm")
    assert quality(kind({"iou": 0.3}, "box"), first, other_image) is None


def test_distance_of_centres_and_centre_in_box():
    near = kind({"distance_mm": 5.0}, "point")
    assert quality(near, box("a", 0.0), box("b", 5.0)) is not None
    assert quality(near, box("a", 0.0), box("b", 5.001)) is None
    inside = kind("centre-in-box")
    large, small = box("a", 0.0, 20.0), box("b", 1.0, 2.0)
    # The small one's centre lies in the large one, not the reverse: the rule is symmetric.
    assert quality(inside, large, small) is not None
    assert quality(inside, small, large) is not None


def test_places_of_different_frames_never_match():
    assert quality(kind({"iou": 0.1}), box("a", 0.0), box("b", 0.0, frame="other")) is None


def test_as_many_as_possible_find_a_partner():
    """The greedy choice would pair the two nearest and leave two alone."""
    near = kind({"distance_mm": 6.0}, "point")
    first, second = [box("a", 0.0), box("b", 4.0)], [box("c", 5.0), box("d", 10.0)]
    assert sorted(keys(group_marks(near, [first, second]))) == [("a", "c"), ("b", "d")]


def test_of_two_partners_the_one_of_the_same_class_is_meant():
    near = kind({"distance_mm": 6.0}, "point")
    first = [box("a", 0.0)]
    second = [box("b", 1.0, cls="herniation"), box("c", 4.0)]
    assert keys(group_marks(near, [first, second])) == [("a", "c"), (None, "b")]


def test_the_order_of_a_readers_marks_changes_nothing():
    near = kind({"iou": 0.05})
    first = [box("a", 0.0), box("b", 30.0), box("c", 60.0)]
    second = [box("d", 2.0), box("e", 33.0), box("f", 90.0)]
    expected = {("a", "d"), ("b", "e"), ("c", None), (None, "f")}
    for one in permutations(first):
        for other in permutations(second):
            assert set(keys(group_marks(near, [list(one), list(other)]))) == expected


def test_a_third_reader_joins_the_groups_of_the_first_two():
    near = kind({"distance_mm": 3.0}, "point")
    reads = [[box("a", 0.0)], [box("b", 20.0)], [box("c", 1.0), box("d", 21.0), box("e", 50.0)]]
    assert set(keys(group_marks(near, reads))) == {("a", None, "c"), (None, "b", "d"), (None, None, "e")}
    assert group_marks(near, [[], [], []]) == []
