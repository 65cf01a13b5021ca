"""The meanings in four languages: none is missing, none is said twice, and what is recorded is what was seen."""

import re

import pytest

from mes.ledger.canonical import canonical
from mes.people.model import Role
from mes.signatures import Meaning
from mes.signatures.meanings import LANGUAGES, texts
from mes.signatures.model import SignaturePrompt
from mes.signatures.service import SigningPolicy, SigningService
from tests.people.builders import CONSOLE
from tests.people.houses import House
from tests.signatures.passkeys import own
from tests.signatures.test_service import given, refused, sign

FIRST_PERSON = {
    "en": r"\bI\b", "nl": r"\b(Ik|ik)\b", "fr": r"\b(Je|je|J'|j')", "es": r"\b\w+o\b|\b(He|he|Me)\b",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_meaning_has_a_sentence_of_its_own_in_every_language(language: str) -> None:
    known = texts(language)
    assert set(known) == set(Meaning)
    assert len(set(known.values())) == len(Meaning)
    for meaning, text in known.items():
        assert text.endswith("."), meaning
        assert len(text) <= 130, meaning
        assert text == text.strip()
        assert canonical(text).decode() == f'"{text}"'
        assert re.search(FIRST_PERSON[language], text), (meaning, text)


def test_no_language_borrows_a_sentence_from_another() -> None:
    known = [texts(language)[meaning] for language in LANGUAGES for meaning in Meaning]
    assert len(set(known)) == len(known)


@pytest.mark.parametrize("language", ["de", "", "en-GB"])
def test_a_language_nobody_wrote_is_english(language: str) -> None:
    assert texts(language) == texts("en")


@pytest.mark.rule("REG-P11-50")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_signer_sees_and_signs_their_own_language(house: House, language: str) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    by = own(anna)
    house.people.choose_language(anna.id, language, by=by)
    session = house.signed_in("anna")
    prompt = refused(house, session, None)
    assert isinstance(prompt, SignaturePrompt)
    assert prompt.text == texts(language)[Meaning.PERFORMED]
    assert sign(house, session, given(statement=prompt.statement)).document["text"] == prompt.text


def test_who_chose_none_signs_in_the_sites_language(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    house.signing = SigningService(house.ledger, house.people, SigningPolicy(language="nl"))
    document = sign(house, house.signed_in("anna"), given()).document
    assert document["text"] == texts("nl")[Meaning.PERFORMED]


@pytest.mark.rule("REG-P11-50", negative=True)
def test_what_was_read_in_one_language_is_not_signed_in_another(house: House) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    prompt = refused(house, session, None)
    assert isinstance(prompt, SignaturePrompt)
    house.people.choose_language(anna.id, "fr", by=own(anna))
    assert refused(house, session, given(statement=prompt.statement)).code == "shown-changed"


def test_the_terminal_of_the_choice_stands_in_the_entry(house: House) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    house.people.choose_language(anna.id, "es", by=own(anna))
    last = house.last()
    assert (last.type, last.data["language"], last.document["actor"]["terminal"]) == (
        "person:language:chosen", "es", CONSOLE,
    )  # fmt: skip
