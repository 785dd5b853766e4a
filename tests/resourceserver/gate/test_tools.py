"""Tools that are withheld from a caller: not listed, and refused, whatever the scopes."""

import json
from typing import Any

import pytest

from resourceserver.gate import Gate, GateSettings
from resourceserver.sample.tools import RULES
from tests.resourceserver.fakes import (
    ISSUER,
    OTHER,
    FakeAuthorizationServer,
    Inner,
    Reply,
    ask,
    endpoints,
    grant,
    introspection,
    policy,
    tool_call,
)
from tests.resourceserver.gate.test_reports import Notes

pytestmark = pytest.mark.covers("ask:7")
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ALL = "mcp.connect links.read links.write skills.read"


class Taken:
    """Stands for a publisher of which rs-main's tools were taken, all but ``waiting``, and rs-other's were not."""

    def __init__(self, *waiting: str) -> None:
        self.is_done = not waiting
        self._taken = frozenset(RULES) - set(waiting)

    def forget_with(self, memory: Any) -> None:
        pass

    def taken(self, account: str) -> frozenset[str]:
        return self._taken if account == "rs-main" else frozenset()


def reply_to(
    body: Any, *, inner: Any = None, publisher: Any = None, url: str = "", bearer: bool = True, **changes: Any
) -> tuple[Reply, Notes]:
    rules = {name: changes.pop(name) for name in ("mode",) if name in changes}
    server, notes = FakeAuthorizationServer(), Notes()
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy(**rules))
    gate = Gate(inner or Inner(), settings, introspection(server), reports=notes, publisher=publisher)  # type: ignore[arg-type]
    own = server.add(1, grant(**{"scope": ALL, **changes}))
    at = {"url": url} if url else {}
    return ask(gate, bearer=own if bearer else None, body=body, **at), notes


def test_a_new_tool_is_refused_and_the_answer_says_where_it_is_approved():
    inner = Inner()
    reply, notes = reply_to(tool_call("create_link"), inner=inner, withheld_tools=["create_link"])
    assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")
    assert reply.json["error_description"] == (
        "This tool is new: its person has to approve it at "
        "http://127.0.0.1:8000/connections/connection-alice-acme/tools first."
    )
    assert reply.challenge["error"] == "insufficient_scope"
    assert reply.challenge["scope"] == "mcp.connect links.write"
    assert reply.challenge["error_description"] == reply.json["error_description"]
    assert inner.bodies == []
    ((account, call),) = notes.noted
    assert (account, call.tool, call.outcome, call.missing) == ("rs-main", "create_link", "insufficient_scope", ())


def test_missing_scopes_come_first_and_other_tools_go_through():
    missing, _ = reply_to(tool_call("create_link"), scope="mcp.connect", withheld_tools=["create_link"])
    assert missing.json["error_description"] == "Not approved yet: links.write."
    other, _ = reply_to(tool_call("list_links"), withheld_tools=["create_link"])
    assert other.status == 200
    batch, _ = reply_to([tool_call("list_links"), tool_call("create_link")], withheld_tools=["create_link"])
    assert batch.status == 403


@pytest.mark.parametrize(
    "members", [{"withheld_tools": "create_link"}, {"withheld_tools": [1]}, {"withheld_tools": None}]
)
def test_an_answer_whose_withheld_tools_are_unclear_lets_nobody_in(members: dict[str, Any]):
    reply, _ = reply_to(tool_call("list_links"), **members)
    assert (reply.status, reply.json["error"]) == (503, "temporarily_unavailable")


def test_a_tool_that_was_not_taken_yet_is_not_run():
    inner = Inner()
    reply, _ = reply_to(tool_call("create_link"), inner=inner, publisher=Taken("create_link"))
    assert (reply.status, reply.json["error"], reply.headers["retry-after"]) == (503, "temporarily_unavailable", "5")
    assert reply.json["error_description"] == "This tool is not published yet. Try again soon."
    other = FakeAuthorizationServer()
    assert reply_to(tool_call("list_links"), publisher=Taken("create_link"))[0].status == 200
    foreign, _ = reply_to(tool_call("list_links"), publisher=Taken(), url=OTHER, aud=OTHER)
    assert (foreign.status, inner.bodies, other.asked) == (503, [], [])


def test_what_is_open_to_all_needs_no_word_of_anybody():
    for bearer in (True, False):
        reply, _ = reply_to(
            tool_call("search"), publisher=Taken("search"), mode="mixed", bearer=bearer, withheld_tools=["search"]
        )
        assert reply.status == 200
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy(mode="none"))
    assert ask(Gate(Inner(), settings, None, publisher=Taken("search")), body=tool_call("search")).status == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(("publisher", "status"), [(None, 200), (Taken(), 200), (Taken("whoami"), 503)])
def test_the_server_is_ready_when_its_tools_can_be_called(publisher: Any, status: int):
    settings = GateSettings(endpoints=endpoints(), issuer=ISSUER, policy=policy())
    gate = Gate(Inner(), settings, introspection(FakeAuthorizationServer()), publisher=publisher)
    reply = ask(gate, "GET", "http://127.0.0.1:8001/readyz", body=b"")
    assert (reply.status, reply.headers["cache-control"]) == (status, "no-store")
    assert ask(gate, "GET", "http://127.0.0.1:8001/livez", body=b"").status == 200


# --- The list, of servers that know nothing of this


class Lister:
    """An MCP server that answers with this body, in chunks of so many bytes; remembers which headers reached it."""

    def __init__(self, body: bytes, *, kind: str = "application/json", chunk: int = 7, **headers: str) -> None:
        self.body, self.chunk = body, chunk
        self.headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        self.headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.seen: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen = [name for name, _ in scope["headers"]]
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for start in range(0, len(self.body), self.chunk):
            piece = self.body[start : start + self.chunk]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def listed(*names: str, **members: Any) -> bytes:
    result = {"tools": [{"name": name, "title": "Größe\n"} for name in names], **members}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def names_in(text: bytes) -> list[str]:
    return [tool["name"] for tool in json.loads(text)["result"]["tools"]]


def test_withheld_and_unpublished_tools_are_taken_out_of_a_json_list():
    inner = Lister(listed("whoami", "create_link", "list_links", "fetch", cacheScope="public", ttlMs=9, more=1))
    reply, _ = reply_to(LIST, inner=inner, publisher=Taken("fetch"), withheld_tools=["create_link"])
    assert names_in(reply.body) == ["whoami", "list_links"]
    result = reply.json["result"]
    assert (result["cacheScope"], result["ttlMs"], result["more"]) == ("private", 9, 1)
    assert reply.headers["content-length"] == str(len(reply.body))
    assert b"accept-encoding" not in inner.seen


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_they_are_taken_out_of_a_stream_event_by_event(end: str, chunk: int):
    progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"tools":[{"name":"create_link"}]}}'
    events = [": ping", f"event: message{end}id: 4{end}data: {progress}", "data: {no json"]
    events += [f"event: message{end}id: 5{end}data: {listed('whoami', 'create_link').decode()}"]
    stream = "".join(event + end * 2 for event in events).encode()
    inner = Lister(stream, kind="text/event-stream; charset=utf-8", chunk=chunk)
    inner.headers = [pair for pair in inner.headers if pair[0] != b"content-length"]
    reply, _ = reply_to(LIST, inner=inner, withheld_tools=["create_link"])
    before, _, last = reply.body.partition(b"id: 5")
    assert stream.startswith(before)
    (data,) = [line for line in last.splitlines() if line.startswith(b"data: ")]
    assert names_in(data.removeprefix(b"data: ")) == ["whoami"]


@pytest.mark.parametrize(
    "inner",
    [
        Lister(b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "tools": []}}'),
        Lister(b"no json"),
        Lister(b"[" * 100_000, chunk=100_000),
        Lister(b""),
        Lister(listed("create_link"), kind="text/plain"),
        Lister(listed("create_link"), content_encoding="gzip"),
        Lister(b'"' + b" " * (5 * 1024 * 1024) + b'"', chunk=1024 * 1024),
        Lister(b'{"result": {"tools": "create_link"}}'),
        Lister(b"data: " + b" " * (5 * 1024 * 1024), kind="text/event-stream", chunk=1024 * 1024),
    ],
    ids=lambda inner: f"{len(inner.body)} {inner.headers[0][1].decode()}",
)
def test_what_is_no_list_that_can_be_read_goes_as_it_is(inner: Lister):
    reply, _ = reply_to(LIST, inner=inner, withheld_tools=["create_link"])
    assert reply.body == inner.body
    assert reply.headers["content-length"] == str(len(inner.body))


def test_a_batch_is_filtered_and_other_requests_are_not():
    batch = b"[" + listed("create_link") + b"," + listed("whoami", "create_link") + b"]"
    reply, _ = reply_to([LIST, LIST], inner=Lister(batch), withheld_tools=["create_link"])
    assert [len(each["result"]["tools"]) for each in reply.json] == [0, 1]
    call, _ = reply_to(tool_call("list_links"), inner=Lister(listed("create_link")), withheld_tools=["create_link"])
    assert call.body == listed("create_link")
    anybody, _ = reply_to(LIST, inner=Lister(listed("create_link")), mode="mixed", bearer=False)
    assert anybody.body == listed("create_link")
