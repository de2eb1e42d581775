"""Small protocols for tests of one subject: two joints, and the findings and rules that the test names."""

from copy import deepcopy
from typing import Any

import yaml

from tests.factories import _shipped

GAP = {
    "id": "gap",
    "label": {"en": "Width of the gap", "zh-hans": "间隙宽度"},
    "definition": {"en": "where it is narrowest", "zh-hans": "最窄处"},
    "kind": "continuous",
    "minimum": 0,
    "maximum": 8,
    "unit": "mm",
    "measure": "length",
    "agreement": {"within": 0.5, "keep": "median"},
    "at": ["L4-5-right"],
}
LESION = {
    "id": "lesion",
    "label": {"en": "Lesion", "zh-hans": "病灶"},
    "shape": "box3d",
    "classes": [
        {"id": "bulge", "label": {"en": "Bulge", "zh-hans": "膨出"}},
        {"id": "herniation", "label": {"en": "Herniation", "zh-hans": "突出"}},
    ],
    "confidence": True,
    "agreement": {"match": {"iou": 0.1}, "class": "same", "keep": "union"},
}


AGE = {
    "id": "age",
    "label": {"en": "Age", "zh-hans": "年龄"},
    "kind": "number",
    "minimum": 0,
    "maximum": 120,
    "unit": {"en": "years", "zh-hans": "岁"},
}
SEX = {
    "id": "sex",
    "label": {"en": "Sex", "zh-hans": "性别"},
    "kind": "choice",
    "options": [
        {"value": "F", "label": {"en": "female", "zh-hans": "女"}},
        {"value": "M", "label": {"en": "male", "zh-hans": "男"}},
    ],
}


class _InFull(yaml.SafeDumper):
    """Writes out what stands twice: protocols allow no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def small_source(*, findings: tuple[Any, ...] = ("cyst",), **sections: Any) -> str:
    """
    Return a protocol of two joints.

    Parameters
    ----------
    findings : tuple
        Names of the facet protocol's findings, or whole findings.
    **sections : mapping or list
        A mapping is merged into the section, anything else replaces it; None removes it.
    """
    document = yaml.safe_load(_shipped())
    shipped = {each["id"]: each for each in document["findings"]}
    document["structures"]["levels"] = [{"id": "L4-5", "label": "L4/5"}]
    document["findings"] = [deepcopy(shipped[each] if isinstance(each, str) else each) for each in findings]
    document["analysis"]["endpoints"] = []
    del document["derived"]
    for section, given in sections.items():
        if given is None:
            document.pop(section, None)
        elif isinstance(given, dict):
            document[section] = {**document.get(section, {}), **given}
        else:
            document[section] = given
    return yaml.dump(document, Dumper=_InFull, allow_unicode=True, sort_keys=False)
