"""One server for the tests of a module: starting it takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.authserver.door import serving
from tests.authserver.door.serving import Serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving.running(tmp_path_factory.mktemp("server")) as found:
        yield found
