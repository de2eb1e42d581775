"""A protocol file is checked whole: every problem by line, what is wrong, and what is allowed."""

import re
from pathlib import Path

import pytest
import yaml
from django.utils import translation

from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from tests.architecture.tree import ROOT

FACET = (ROOT / "protocols" / "facet-joint-degeneration.yaml").read_text()


def problems(source: str) -> list[tuple[int, str]]:
    with pytest.raises(ProtocolError) as caught:
        load_protocol(source, name="study.yaml")
    assert all(line.startswith("study.yaml, line ") for line in str(caught.value).splitlines())
    return [(problem.line, problem.message) for problem in caught.value.problems]


def line_of(source: str, text: str) -> int:
    (number,) = [n for n, line in enumerate(source.splitlines(), start=1) if text in line]
    return number


def replaced(old: str, new: str, source: str = FACET) -> tuple[str, int]:
    """Return the source with a text that stands once replaced, and its line."""
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times"
    return source.replace(old, new), line_of(source, old.splitlines()[0])


@pytest.mark.parametrize("path", sorted((ROOT / "protocols").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_protocol_is_sound(path: Path):
    document = load_protocol(path.read_text(), name=path.name)
    assert document.id == path.stem
    assert len(document.digest) == 64
    assert document.items or document.marks


class TestFacetProtocol:
    document = load_protocol(FACET)

    def test_ten_joints_and_five_findings_make_fifty_items(self):
        assert [structure.id for structure in self.document.structures][:3] == [
            "L1-2-right",
            "L1-2-left",
            "L2-3-right",
        ]
        assert [(finding.id, finding.n_grades) for finding in self.document.findings] == [
            ("narrowing", 4),
            ("hypertrophy", 4),
            ("osteophytes", 4),
            ("erosion", 3),
            ("cyst", 2),
        ]
        assert len(self.document.items) == 50
        assert {structure.side for structure in self.document.structures} == {"right", "left"}

    def test_every_label_is_in_both_languages(self):
        labels = [finding.label for finding in self.document.findings]
        labels += [finding.definition for finding in self.document.findings]
        labels += [grade.label for finding in self.document.findings for grade in finding.scale]
        labels += [grade.hint for finding in self.document.findings for grade in finding.scale]
        labels += [label for _, label in self.document.exclusion_criteria]
        # Names of articles are the same in every language; words of our own are not.
        labels += [
            grade.source
            for finding in self.document.findings
            for grade in finding.scale
            if grade.source and not re.fullmatch(r"[A-Z][a-z]+ \d{4}", str(grade.source))
        ]
        assert [str(label) for label in labels if "zh-hans" not in label.languages] == []
        assert self.document.title.in_language("zh-hans") == "腰椎小关节退变"
        assert self.document.title.in_language("fr") == self.document.title.in_language("en")

    def test_what_is_not_weishaupts_says_so(self):
        sources = {grade.value: str(grade.source) for grade in self.document.finding("narrowing").scale}
        assert sources[1] == "Weishaupt 1999"
        assert "not Weishaupt" in sources[2]
        assert "not Weishaupt" in sources[3]

    @pytest.mark.parametrize(
        ("grades", "overall"),
        [
            ({"narrowing": 3}, 1),
            ({"hypertrophy": 2, "narrowing": 1}, 2),
            ({"osteophytes": 3}, 3),
            ({"erosion": 1}, 2),
            ({"erosion": 2}, 3),
            ({"cyst": 1}, 3),
            ({"narrowing": 0, "cyst": 0}, 0),
            ({}, None),
        ],
    )
    def test_overall_grade_is_the_highest_implied(self, grades, overall):
        (derived,) = self.document.derived
        assert derived.of(grades) == overall

    def test_digest_is_of_the_content_not_of_its_form(self):
        content = yaml.safe_load(FACET)
        assert load_protocol(yaml.safe_dump(content, allow_unicode=True)).digest == self.document.digest
        changed, _ = replaced("bootstrap: 2000", "bootstrap: 2001")
        assert load_protocol(changed).digest != self.document.digest


class TestProblems:
    def test_unknown_word_names_those_that_are_known(self):
        source, line = replaced("registration: NCT05635006", "registraton: NCT05635006")
        ((where, message),) = problems(source)
        assert where == line
        assert "registraton is not known here" in message
        assert "registration" in message

    def test_value_that_is_not_allowed_names_those_that_are(self):
        source, line = replaced("scheme: from-L5", "scheme: from-the-top")
        assert problems(source) == [
            (line, "'from-the-top' is not allowed; allowed are from-L5, from-C2, from-T12, none")
        ]

    def test_missing_part_is_named(self):
        source, _ = replaced("title: {en: Facet joint degeneration, zh-hans: 腰椎小关节退变}\n", "")
        assert "title is missing" in [message for _, message in problems(source)]

    def test_all_problems_are_told_at_once(self):
        source, first = replaced("scheme: from-L5", "scheme: upwards")
        source, second = replaced("audit_fraction: 0}", "audit_fraction: 2}", source)
        assert [line for line, _ in problems(source)] == sorted([first, second])

    def test_rule_within_must_name_the_value_kept(self):
        source = FACET.replace("agreement: exact", "agreement: {within: 1}", 1)
        line = line_of(source, "agreement: {within: 1}")
        found = problems(source)
        assert line in {where for where, _ in found}
        source = FACET.replace("agreement: exact", "agreement: {within: 1, keep: higher}", 1)
        rule = load_protocol(source).findings[0].agreement
        assert (rule.kind, rule.within, rule.keep) == ("within", 1, "higher")

    def test_shares_of_the_partition_add_up_to_one(self):
        source, line = replaced("partition: {train: 0.70,", "partition: {train: 0.80,")
        ((where, message),) = problems(source)
        assert where == line
        assert "1" in message

    def test_cut_stands_on_the_scale(self):
        source = FACET.replace("    cut: 2\n", "    cut: 9\n", 1)
        ((where, message),) = problems(source)
        assert where == line_of(source, "cut: 9")
        assert "narrowing" in message or "cut" in message

    def test_repeated_id_is_named(self):
        source, _ = replaced("- id: hypertrophy\n", "- id: narrowing\n")
        assert any("narrowing" in message for _, message in problems(source))

    def test_repeated_key_is_named_by_its_line(self):
        source = FACET + "\nversion: 2\n"
        assert problems(source) == [(len(FACET.splitlines()) + 2, "'version' stands twice")]

    def test_what_is_not_yaml_says_where(self):
        source = "protocol: a\n  version: 1\n"
        ((line, message),) = problems(source)
        assert line == 2
        assert message.startswith("this is not YAML")

    @pytest.mark.parametrize(
        ("source", "line", "message"),
        [
            ("", 1, "the file is empty"),
            ("a: &x 1\nb: *x\n", 2, "YAML aliases (*name) are not allowed; write the text out"),
            ("x" * (512 * 1024 + 1), 1, "the file is larger than 512 kB"),
        ],
    )
    def test_empty_aliased_and_oversized_files_are_refused(self, source, line, message):
        assert problems(source) == [(line, message)]

    def test_object_that_would_run_code_is_refused(self):
        found = problems("protocol: !!python/object/apply:os.system ['true']\n")
        assert len(found) >= 1


def test_a_text_is_read_once_and_its_problems_are_said_anew():
    assert load_protocol(FACET, name="one.yaml") is load_protocol(FACET, name="another.yaml")
    for name in ("one.yaml", "another.yaml"):
        with pytest.raises(ProtocolError, match=rf"^{name}, line 1: the file is empty"):
            load_protocol("", name=name)
    with translation.override("zh-hans"), pytest.raises(ProtocolError) as caught:
        load_protocol("", name="one.yaml")
    assert "the file is empty" not in str(caught.value)
