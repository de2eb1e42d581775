"""What pages say is collected, listed for scripts, and there in Chinese."""

import subprocess
import sys

import pytest
from babel.messages.catalog import Catalog
from django.template import Context, Template
from django.utils import translation

from readerstudy.core.texts import (
    LANGUAGES,
    SCRIPT_TEXTS,
    as_po,
    catalogue_path,
    merged,
    places,
    read_catalogue,
    root,
    script_messages,
    template_catalogue,
    untranslated,
    updated_catalogue,
)

COLLECT = "run: manage.py collect_texts"


def test_all_three_sources_are_collected():
    found = template_catalogue()
    for message in (
        "This name and password do not fit. Check both, or ask the administrator.",  # Python, lazily
        "Overview",  # Python, marked and chosen at run time
        "Sign out",  # a template
        "Signed in as %(name)s",  # a template's block
        "This image could not be shown",  # a script
        "Right",  # a script, marked and chosen at run time
    ):
        assert found.get(message) is not None, message


def test_list_of_the_scripts_is_fresh():
    import json

    listed = json.loads((root() / SCRIPT_TEXTS).read_text())
    assert set(listed) ^ set(script_messages()) == set(), COLLECT


@pytest.mark.parametrize("language", LANGUAGES)
class TestCatalogue:
    def test_it_is_fresh(self, language):
        is_fresh = catalogue_path(language).read_bytes() == as_po(updated_catalogue(language))
        assert is_fresh, COLLECT

    def test_nothing_is_missing(self, language):
        assert [message.id for message in untranslated(updated_catalogue(language))] == []

    def test_every_place_of_a_message_is_in_its_translation(self, language):
        different = []
        for message in read_catalogue(language):
            if not message.id:
                continue
            plural = message.id[-1] if not isinstance(message.id, str) else message.id
            strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
            different += [plural for string in strings if string and places(string) != places(plural)]
        assert different == []


def test_every_translation_keeps_its_placeholders():
    """A catalogue with one that does not cannot be compiled; "% f" of a sentence is read as a placeholder, too."""
    for language in LANGUAGES:
        found = [
            (message.id, str(problem)) for message in read_catalogue(language) for problem in message.check()
        ]
        assert found == []


def test_a_message_that_gains_or_loses_a_plural_is_translated_anew():
    standing, wanted = Catalog("zh_Hans"), Catalog("zh_Hans")
    standing.add(("One vote", "%(n)s votes"), ("%(n)s 票",))
    standing.add("A case", "一例")
    wanted.add("One vote")
    wanted.add(("A case", "%(n)s cases"))
    catalogue = merged(standing, wanted, "zh_Hans")
    assert as_po(catalogue)
    assert {str(message.id) for message in untranslated(catalogue)} == {
        "One vote",
        "('A case', '%(n)s cases')",
    }


def test_planted_message_without_translation_is_seen():
    catalogue = updated_catalogue("zh_Hans")
    catalogue.add("A sentence that nobody has translated")
    assert "A sentence that nobody has translated" in [message.id for message in untranslated(catalogue)]
    assert places("%(n)s of {total} by %s") == ["%(n)s", "%s", "{total}"]


@pytest.fixture(scope="module")
def compiled():
    """The compiled catalogues, as bin/test and bin/demo make them."""
    for language in LANGUAGES:
        source = catalogue_path(language)
        command = [
            "-m",
            "babel.messages.frontend",
            "--quiet",
            "compile",
            "-i",
            source,
            "-o",
            source.with_suffix(".mo"),
        ]
        subprocess.run([sys.executable, *command], check=True, capture_output=True)
    from django.utils.translation import trans_real

    trans_real._translations.clear()


def test_page_carries_the_words_of_its_scripts(compiled):
    template = Template("{% load front_end %}{% ui_texts %}")
    with translation.override("zh-hans"):
        page = template.render(Context())
    assert page.startswith('<script id="ui-texts" type="application/json">')
    assert (
        "无法显示此图像" in page.encode().decode("unicode_escape", errors="ignore")
        or "\\u65e0\\u6cd5" in page
    )
    with translation.override("en"):
        assert ">{}<" in template.render(Context())


@pytest.mark.django_db
def test_sign_in_page_is_in_the_language_that_was_asked_for(compiled, client):
    english = client.get("/sign-in/", headers={"accept-language": "en"})
    chinese = client.get("/sign-in/", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert "Sign in" in english.content.decode()
    assert "登录" in chinese.content.decode()
    assert chinese.headers["Content-Language"] == "zh-hans"
