"""From the plain values of a protocol file to those of a `ProtocolDocument`."""

from typing import Any

from readerstudy.studies.protocols.document import (
    AgreementRule,
    CaseQuestion,
    ClinicalDatum,
    DerivedGrade,
    Finding,
    Grade,
    MarkKind,
    ProtocolDocument,
    Structure,
    Text,
)

SIDE_LABELS = {
    "right": {"en": "right", "zh-hans": "右"},
    "left": {"en": "left", "zh-hans": "左"},
}


def text_of(value: Any) -> Text:
    return Text(
        {"en": value} if isinstance(value, str) else {key.lower(): text for key, text in value.items()}
    )


def structures_of(content: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Structure, ...]]:
    given = content["structures"]
    if "list" in given:
        structures = tuple(
            Structure(
                id=each["id"],
                label=text_of(each["label"]),
                group=each.get("group", each["id"]),
                group_label=text_of(each.get("group_label", each.get("group", each["label"]))),
                side=each.get("side", ""),
            )
            for each in given["list"]
        )
    else:
        pattern = text_of(given.get("label", {"en": "{level} {side}"}))
        made = []
        for level in given["levels"]:
            level_label = text_of(level["label"])
            for side in given.get("sides") or [""]:
                languages = {
                    language: pattern.in_language(language)
                    .format(
                        level=level_label.in_language(language),
                        side=SIDE_LABELS.get(side, {}).get(language, side),
                    )
                    .strip()
                    for language in {*pattern.languages, *level_label.languages, "zh-hans"}
                }
                made.append(
                    Structure(
                        id=f"{level['id']}-{side}" if side else level["id"],
                        label=Text(languages),
                        group=level["id"],
                        group_label=level_label,
                        side=side,
                    )
                )
        structures = tuple(made)
    levels = tuple(dict.fromkeys(structure.group for structure in structures))
    return levels, structures


def finding_of(given: dict[str, Any]) -> Finding:
    agreement = given.get("agreement", "exact")
    if agreement == "exact":
        rule = AgreementRule("exact")
    elif "within" in agreement:
        rule = AgreementRule("within", within=agreement["within"], keep=agreement["keep"])
    else:
        rule = AgreementRule("same-side", keep=agreement["keep"])
    return Finding(
        id=given["id"],
        label=text_of(given["label"]),
        short=text_of(given.get("short", given["label"])),
        definition=text_of(given["definition"]),
        kind=given["kind"],
        scale=tuple(
            Grade(
                value=each["value"],
                label=text_of(each["label"]),
                hint=text_of(each["hint"]) if "hint" in each else None,
                source=text_of(each["source"]) if "source" in each else None,
                picture=each.get("picture", ""),
            )
            for each in given.get("scale", ())
        ),
        cut=given.get("cut", 1),
        agreement=rule,
        assessable_on=tuple(given.get("assessable_on", ())),
        typed=tuple(given.get("typed", ["not-assessable"])),
        minimum=given.get("minimum"),
        maximum=given.get("maximum"),
        unit=given.get("unit", ""),
        at=tuple(given.get("at", ())),
        measure=given.get("measure", ""),
    )


def mark_kind_of(given: dict[str, Any]) -> MarkKind:
    rule = given["agreement"]
    match = rule["match"]
    name, limit = ("centre-in-box", 0.0) if isinstance(match, str) else next(iter(match.items()))
    return MarkKind(
        id=given["id"],
        label=text_of(given["label"]),
        shape=given["shape"],
        classes=options_of(given["classes"]),
        has_confidence=given.get("confidence", False),
        match=name.removesuffix("_mm"),
        limit=float(limit),
        keep=rule["keep"],
    )


def options_of(given: list[dict[str, Any]]) -> tuple[tuple[str, Text], ...]:
    return tuple((each["id"], text_of(each["label"])) for each in given)


def clinical_datum_of(given: dict[str, Any]) -> ClinicalDatum:
    return ClinicalDatum(
        id=given["id"],
        label=text_of(given["label"]),
        kind=given["kind"],
        minimum=given.get("minimum"),
        maximum=given.get("maximum"),
        unit=text_of(given["unit"]) if "unit" in given else None,
        options=tuple((str(each["value"]), text_of(each["label"])) for each in given.get("options", ())),
    )


def document_of(content: dict[str, Any], *, digest: str) -> ProtocolDocument:
    """Return the document of a file without problems."""
    levels, structures = structures_of(content)
    return ProtocolDocument(
        id=content["protocol"],
        version=content["version"],
        title=text_of(content["title"]),
        registration=content.get("registration", ""),
        description=text_of(content.get("description", "")),
        digest=digest,
        levels=levels,
        structures=structures,
        findings=tuple(finding_of(each) for each in content["findings"]),
        marks=tuple(mark_kind_of(each) for each in content.get("marks", ())),
        case_questions=tuple(
            CaseQuestion(
                id=each["id"],
                label=text_of(each["label"]),
                kind=each["kind"],
                options=options_of(
                    content.get("exclusion_criteria", [])
                    if each["kind"] == "exclusion"
                    else each.get("options", [])
                ),
                required=each.get("required", False),
            )
            for each in content.get("case_questions", ())
        ),
        exclusion_criteria=options_of(content.get("exclusion_criteria", [])),
        derived=tuple(
            DerivedGrade(
                id=each["id"],
                label=text_of(each["label"]),
                n_grades=each["n_grades"],
                implies={name: tuple(implied) for name, implied in each["implies"].items()},
            )
            for each in content.get("derived", ())
        ),
        not_assessable_reasons=options_of(content["not_assessable_reasons"]),
        adjudication_reasons=options_of(content["adjudication_reasons"]),
        numbering=content.get("numbering", {}),
        numbering_variants=options_of(content.get("numbering", {}).get("variants", [])),
        clinical_context=tuple(
            clinical_datum_of(each) for each in content["reading"].get("clinical_context", ())
        ),
        reading=content["reading"],
        adjudication=content["adjudication"],
        reference=content["reference"],
        roles=content.get("roles", {}),
        partition=content["partition"],
        display=content["display"],
        analysis=content["analysis"],
        content=content,
    )
