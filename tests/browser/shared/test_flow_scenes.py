"""The way through a connection: every page for everybody, at every width, in the dark, from right to left."""

import pytest

from tests.browser.conftest import Inspect
from tests.browser.scenes import SCENES, Stage, inspected


@pytest.mark.parametrize("name", inspected(r"^(flow|error)"))
def test_a_page_for_everybody(stage: Stage, inspect: Inspect, name: str) -> None:
    SCENES[name](stage)
    inspect(stage.page)
