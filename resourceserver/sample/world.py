"""The small in-memory data set of each handle. A handle sees its own and nothing else."""

from collections import OrderedDict
from dataclasses import dataclass, field

MAX_ROWS = 200
MAX_HANDLES = 1000

PUBLIC = "public"


@dataclass
class HandleData:
    """What one handle has. Lists are bounded by MAX_ROWS."""

    handle: str
    skills: list[dict[str, str]]
    links: list[dict[str, str]]
    pages: dict[str, dict[str, str]]
    deployments: list[dict[str, str]]
    webhooks: list[dict[str, str]] = field(default_factory=list)
    context_refreshes: int = 0


class World:
    """The data of every handle that has been asked for; the one not asked for longest is made anew when full."""

    def __init__(self) -> None:
        self._handles: OrderedDict[str, HandleData] = OrderedDict()

    def of(self, handle: str) -> HandleData:
        """Return the data of a handle, made on first sight."""
        data = self._handles.get(handle)
        if data is None:
            data = self._handles[handle] = _first_data(handle)
            if len(self._handles) > MAX_HANDLES:
                self._handles.popitem(last=False)
        self._handles.move_to_end(handle)
        return data


def _first_data(handle: str) -> HandleData:
    site = f"https://{handle}.example"
    skills = [
        {"id": f"{handle}-launch", "title": "Launch a page", "text": f"How @{handle} launches a campaign page."},
        {"id": f"{handle}-links", "title": "Short links", "text": f"How @{handle} names and retires short links."},
        {"id": f"{handle}-voice", "title": "Tone of voice", "text": f"How @{handle} writes: short, warm, exact."},
    ]
    return HandleData(
        handle=handle,
        skills=[{**skill, "url": f"{site}/skills/{skill['id']}"} for skill in skills],
        links=[{"slug": "hello", "target": f"{site}/welcome"}, {"slug": "docs", "target": f"{site}/docs"}],
        pages={"home": {"title": f"@{handle}", "text": f"Welcome to @{handle}."}},
        deployments=[{"id": "1", "status": "live", "note": "first deployment"}],
    )
