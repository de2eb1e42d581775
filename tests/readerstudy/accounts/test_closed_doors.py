"""Without signing in every address gives the sign-in page or nothing; none answers with content."""

import pytest
from django.test import Client

from tests.architecture.test_response_headers import addresses

# What everybody may see: the sign-in page itself, and choosing its language.
OPEN_TO_ALL = {"/sign-in/", "/language/"}


@pytest.mark.django_db
def test_every_address_is_closed_to_strangers():
    client, opened = Client(), []
    paths = sorted(set(addresses()) - OPEN_TO_ALL)
    assert len(paths) > 20
    for path in paths:
        for method in (client.get, client.post):
            answer = method(path)
            to_sign_in = answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/")
            if not to_sign_in and answer.status_code not in {401, 403, 404, 405}:
                opened.append(f"{path}: {answer.status_code}")
    assert opened == []
