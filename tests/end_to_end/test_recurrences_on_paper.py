"""The page of each recurrence is read back, with its matrices of one step."""

from __future__ import annotations

import pytest
from reading import check_page
from recurrences import RECURRENCES, stated

from derive import derive


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", sorted(RECURRENCES))
def test_pages_are_read_back(name):
    assert check_page(derive(stated(name, 3).statement)) > 15
