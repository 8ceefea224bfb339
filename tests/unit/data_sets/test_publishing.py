from types import SimpleNamespace

import pytest

from sottovoce.catalogue import CatalogueError
from sottovoce.data_sets.publishing import find_version


def registry(*versions):
    return SimpleNamespace(versions=[SimpleNamespace(version=each) for each in versions])


def test_latest_is_the_last_one_imported():
    assert find_version(registry("bb", "aa"), "latest") == "aa"


def test_a_version_goes_by_an_unambiguous_beginning():
    assert find_version(registry("abc", "abd", "x"), "abd") == "abd"
    assert find_version(registry("abc", "abd", "x"), "x") == "x"


@pytest.mark.parametrize(
    ("versions", "told", "sentence"),
    [
        ((), "latest", "no catalogue was imported yet"),
        (("abc", "abd"), "ab", "several catalogues begin with 'ab'"),
        (("abc",), "z", "no catalogue begins with 'z'"),
        (("abc",), "", "no catalogue begins with ''"),
    ],
)
def test_what_names_none_or_several_is_refused(versions, told, sentence):
    with pytest.raises(CatalogueError, match=sentence):
        find_version(registry(*versions), told)
