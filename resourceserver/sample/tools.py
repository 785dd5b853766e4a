"""The catalog of tools: what each is called, needs, promises (annotations) and does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resourceserver.introspection import Identity
from resourceserver.operations import ToolRule
from resourceserver.sample.world import MAX_ROWS, PUBLIC, HandleData

REQUIRED_SCOPES = ("mcp.connect",)
BASELINE_SCOPES = (
    "mcp.connect",
    "skills.read",
    "links.read",
    "analytics.read",
    "pages.read",
    "site.deployments.read",
    "webhooks.read",
    "knowledge.query",
    "context_store.search",
)
MAX_TEXT = 2000

Arguments = Mapping[str, Any]


class ToolError(Exception):
    """The tool cannot do what was asked; the text is for the caller."""


@dataclass(frozen=True)
class Call:
    """What a tool is given: the data of the caller's handle, the caller (None if unknown), the arguments."""

    data: HandleData
    caller: Identity | None
    arguments: Arguments

    def text(self, name: str) -> str:
        """Return a text argument. Raises ToolError when it is missing, empty or too long."""
        value = self.arguments.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
            raise ToolError(f"{name}: a text of 1 to {MAX_TEXT} characters is needed")
        return value


@dataclass(frozen=True)
class Tool:
    """One tool. ``destructive`` and ``open_world`` are only said of tools that change something."""

    name: str
    title: str
    description: str
    scopes: tuple[str, ...]
    run: Callable[[Call], dict[str, Any]]
    arguments: tuple[tuple[str, str], ...] = ()
    writes: bool = False
    destructive: bool = False
    open_world: bool = False
    open_in_mixed: bool = False

    def rule(self) -> ToolRule:
        """Return what the gate demands for this tool."""
        return ToolRule(scopes=self.scopes, oauth=not self.open_in_mixed)


def whoami(call: Call) -> dict[str, Any]:
    """Return who is calling: handle, person, client and scopes."""
    caller = call.caller
    if caller is None:
        summary = "Nobody: this call came without a credential."
        return {"summary": summary, "handle": None, "person": None, "scopes": []}
    person = caller.name or caller.username or caller.person
    summary = f"You are {person} ({caller.username or caller.person}), acting for @{caller.handle}"
    summary += f" as {caller.handle_role}" if caller.handle_role else ""
    summary += f" through {caller.client_name or caller.client_id}, with the scopes {' '.join(caller.scopes)}."
    return {
        "summary": summary,
        "handle": caller.handle,
        "handle_role": caller.handle_role,
        "person": {"id": caller.person, "username": caller.username, "name": caller.name},
        "client": {"id": caller.client_id, "name": caller.client_name},
        "scopes": list(caller.scopes),
        "resource": caller.resource,
    }


def search(call: Call) -> dict[str, Any]:
    """Return the skills that have the words of the query, in the shape ChatGPT expects."""
    words = call.text("query").lower().split()
    found = [skill for skill in call.data.skills if any(word in _haystack(skill) for word in words)]
    return {"results": [{key: skill[key] for key in ("id", "title", "url")} for skill in found or call.data.skills]}


def fetch(call: Call) -> dict[str, Any]:
    """Return one skill whole, in the shape ChatGPT expects."""
    wanted = call.text("id")
    for skill in call.data.skills:
        if skill["id"] == wanted:
            return {**skill, "metadata": {"handle": call.data.handle}}
    raise ToolError("There is no document with this id.")


def _haystack(skill: Mapping[str, str]) -> str:
    return f"{skill['title']} {skill['text']}".lower()


def list_skills(call: Call) -> dict[str, Any]:
    """Return the skills of the handle."""
    return {"skills": [{"id": skill["id"], "title": skill["title"]} for skill in call.data.skills]}


def list_links(call: Call) -> dict[str, Any]:
    """Return the short links of the handle."""
    return {"links": list(call.data.links)}


def create_link(call: Call) -> dict[str, Any]:
    """Add a short link."""
    link = {"slug": call.text("slug"), "target": call.text("target")}
    if any(known["slug"] == link["slug"] for known in call.data.links):
        raise ToolError("There is a link with this slug already.")
    _append(call.data.links, link)
    return {"link": link}


def get_analytics(call: Call) -> dict[str, Any]:
    """Return visits per link (made up, but the same each time)."""
    return {"visits": {link["slug"]: 100 + 7 * len(link["target"]) for link in call.data.links}}


def list_pages(call: Call) -> dict[str, Any]:
    """Return the pages of the handle."""
    return {"pages": [{"slug": slug, **page} for slug, page in call.data.pages.items()]}


def edit_page(call: Call) -> dict[str, Any]:
    """Replace the text of a page, or begin a page."""
    slug, text = call.text("slug"), call.text("text")
    if slug not in call.data.pages and len(call.data.pages) >= MAX_ROWS:
        raise ToolError("There are too many pages already.")
    page = call.data.pages[slug] = {"title": slug, "text": text}
    return {"page": {"slug": slug, **page}}


def list_deployments(call: Call) -> dict[str, Any]:
    """Return the deployments of the handle's site, oldest first."""
    return {"deployments": list(call.data.deployments)}


def deploy_site(call: Call) -> dict[str, Any]:
    """Put the site live."""
    deployment = {"id": str(len(call.data.deployments) + 1), "status": "live", "note": call.text("note")}
    for earlier in call.data.deployments:
        earlier["status"] = "replaced"
    _append(call.data.deployments, deployment)
    return {"deployment": deployment}


def list_webhooks(call: Call) -> dict[str, Any]:
    """Return the webhooks of the handle."""
    return {"webhooks": list(call.data.webhooks)}


def create_webhook(call: Call) -> dict[str, Any]:
    """Add a webhook."""
    webhook = {"id": str(len(call.data.webhooks) + 1), "url": call.text("url")}
    _append(call.data.webhooks, webhook)
    return {"webhook": webhook}


def query_knowledge(call: Call) -> dict[str, Any]:
    """Answer from the handle's skills."""
    return {"question": call.text("question"), "answer": call.data.skills[0]["text"]}


def search_context(call: Call) -> dict[str, Any]:
    """Return the passages of the handle's context store that have the query."""
    query = call.text("query").lower()
    return {"passages": [skill["text"] for skill in call.data.skills if query in skill["text"].lower()]}


def refresh_context(call: Call) -> dict[str, Any]:
    """Build the handle's context store anew."""
    call.data.context_refreshes += 1
    return {"refreshed": True, "refreshes": call.data.context_refreshes}


def _append(rows: list[dict[str, str]], row: dict[str, str]) -> None:
    if len(rows) >= MAX_ROWS:
        raise ToolError("There are too many already.")
    rows.append(row)


CATALOG: tuple[Tool, ...] = (
    Tool("whoami", "Who am I", "Says which person, handle, client and scopes this call has.", REQUIRED_SCOPES, whoami),
    Tool(
        "search",
        "Search",
        "Finds documents of the handle.",
        ("skills.read",),
        search,
        (("query", "Words to look for"),),
        open_in_mixed=True,
    ),
    Tool(
        "fetch",
        "Fetch",
        "Returns one document that search found.",
        ("skills.read",),
        fetch,
        (("id", "Id from search"),),
        open_in_mixed=True,
    ),
    Tool("list_skills", "List skills", "Lists the skills of the handle.", ("skills.read",), list_skills),
    Tool("list_links", "List links", "Lists the short links of the handle.", ("links.read",), list_links),
    Tool(
        "create_link",
        "Create a link",
        "Adds a short link to the handle.",
        ("links.write",),
        create_link,
        (("slug", "The short name"), ("target", "Where it leads")),
        writes=True,
    ),
    Tool("get_analytics", "Get analytics", "Returns visits per short link.", ("analytics.read",), get_analytics),
    Tool("list_pages", "List pages", "Lists the pages of the handle.", ("pages.read",), list_pages),
    Tool(
        "edit_page",
        "Edit a page",
        "Replaces the text of a page of the handle.",
        ("pages.write",),
        edit_page,
        (("slug", "Which page"), ("text", "The new text")),
        writes=True,
        destructive=True,
    ),
    Tool(
        "list_deployments",
        "List deployments",
        "Lists the deployments of the handle's site.",
        ("site.deployments.read",),
        list_deployments,
    ),
    Tool(
        "deploy_site",
        "Deploy the site",
        "Puts the handle's site live, replacing what is live now.",
        ("site.deployments.write",),
        deploy_site,
        (("note", "What changed"),),
        writes=True,
        destructive=True,
        open_world=True,
    ),
    Tool("list_webhooks", "List webhooks", "Lists the webhooks of the handle.", ("webhooks.read",), list_webhooks),
    Tool(
        "create_webhook",
        "Create a webhook",
        "Adds a webhook to the handle.",
        ("webhooks.write",),
        create_webhook,
        (("url", "Where events are sent"),),
        writes=True,
        open_world=True,
    ),
    Tool(
        "query_knowledge",
        "Query knowledge",
        "Answers a question from the handle's knowledge.",
        ("knowledge.query",),
        query_knowledge,
        (("question", "The question"),),
    ),
    Tool(
        "search_context",
        "Search the context store",
        "Finds passages in the handle's context store.",
        ("context_store.search",),
        search_context,
        (("query", "Words to look for"),),
    ),
    Tool(
        "refresh_context",
        "Refresh the context store",
        "Builds the handle's context store anew.",
        ("context_store.manage",),
        refresh_context,
        writes=True,
    ),
)

BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in CATALOG}
RULES: Mapping[str, ToolRule] = {tool.name: tool.rule() for tool in CATALOG}


def handle_of(caller: Identity | None, endpoint_handle: str | None) -> str:
    """Return whose data a call may touch: the credential's handle; without one, the endpoint's, or the public one."""
    return caller.handle if caller is not None else endpoint_handle or PUBLIC
