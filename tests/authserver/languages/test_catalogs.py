"""The message catalogs: complete where a language is finished, compiled as they are written, true to their sources."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation import to_locale

from authserver.languages import catalog
from tests.authserver.languages import texts

FINISHED = {"de", "fr", "es", "pt-br", "ja", "zh-hans", "ar"}
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|%[sd]|\{\w*\}")
TAG = re.compile(r"<[^>]+>")


def written(language: str) -> polib.POFile:
    return polib.pofile(str(_file(language, "po")))


def _file(language: str, kind: str) -> Path:
    return Path(settings.BASE_DIR) / "locale" / to_locale(language) / "LC_MESSAGES" / f"django.{kind}"


def forms(entry: polib.POEntry) -> list[str]:
    """Return what a text is translated to: one text, or one for each number that the language tells apart."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    compiled = polib.mofile(str(_file(language, "mo")))
    source = {(each.msgctxt, each.msgid): forms(each) for each in written(language).translated_entries()}
    assert {(each.msgctxt, each.msgid): forms(each) for each in compiled} == source


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_guessed_left_over_or_half_translated(language: str) -> None:
    entries = written(language)
    assert not entries.fuzzy_entries()
    assert not entries.obsolete_entries()
    assert not [each.msgid for each in entries if any(forms(each)) and not all(forms(each))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_and_the_markup_of_its_text(language: str) -> None:
    for entry in written(language).translated_entries():
        texts_of_source = {entry.msgid, entry.msgid_plural or entry.msgid}
        wanted = {tuple(sorted(PLACEHOLDER.findall(each))) for each in texts_of_source}
        marked = {frozenset(Counter(TAG.findall(each)).items()) for each in texts_of_source}
        for form in forms(entry):
            found = tuple(sorted(PLACEHOLDER.findall(form)))
            # A number may be a word in a form that is for that number alone: "two apps".
            is_enough = entry.msgid_plural and any(
                set(found) < set(each) and len(set(each) - set(found)) == 1 for each in wanted
            )
            assert found in wanted or is_enough, (entry.msgid, form)
            assert frozenset(Counter(TAG.findall(form)).items()) in marked, (entry.msgid, form)


@pytest.mark.parametrize("language", sorted(FINISHED))
def test_a_finished_language_has_every_text_of_the_flow(language: str) -> None:
    have = {each.msgid for each in written(language).translated_entries()}
    assert sorted(texts.of_flow() - have) == []


def test_every_language_has_gathered_every_text_of_the_flow() -> None:
    wanted = texts.of_flow()
    assert "Too many tries" in wanted
    assert "Check that the address bar says <bdi>%(host)s</bdi> before you type a password." in wanted
    for language in LANGUAGES:
        assert sorted(wanted - {each.msgid for each in written(language)}) == [], "run ./dev manage messages"


def test_the_default_catalog_is_gathered_word_for_word() -> None:
    loaded = import_module("authserver.migrations.0002_catalog")
    sentences = {text for row in loaded.SCOPES for text in (*row[1:4], row[5]) if text}
    assert set(catalog.SENTENCES) == sentences | {row[1] for row in loaded.BUNDLES}
