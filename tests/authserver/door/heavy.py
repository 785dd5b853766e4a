"""Requests that weigh much and mean little: method, path, body, header lines (`basic` is a resource server's own), and
the status that they are answered with."""

from tests.authserver.door.serving import FORM

PARTS = "".join(f'--x\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\nv\r\n' for n in range(600)) + "--x--\r\n"
FILE = '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + "v" * 900_000 + "\r\n--x--\r\n"
MULTIPART = "Content-Type: multipart/form-data; boundary=x"
DEEP = "[" * 200_000
HEAVY = {
    "a hundred cookies": (
        "GET",
        "/accounts/login/",
        "",
        ["Cookie: " + "; ".join(f"c{n}={n}" for n in range(100))],
        200,
    ),
    "a large cookie": ("GET", "/accounts/login/", "", ["Cookie: session=" + "x" * 40_000], 200),
    "a hundred headers": ("GET", "/accounts/login/", "", [f"X-{n}: {n}" for n in range(100)], 200),
    "a long path": ("GET", "/" + "x" * 40_000, "", [], 404),
    "a long query": ("GET", "/oauth/authorize?" + "x" * 40_000, "", [], 400),
    "many languages": ("GET", "/accounts/login/", "", ["Accept-Language: " + ",".join(["de"] * 9_000)], 200),
    "many fields": ("POST", "/accounts/login/", "a=b&" * 600, [f"Content-Type: {FORM}"], 400),
    "many parts": ("POST", "/accounts/login/", PARTS, [MULTIPART], 400),
    "a file": ("POST", "/accounts/login/", FILE, [MULTIPART], 400),
    "deep JSON to register": ("POST", "/oauth/register?x", DEEP[:60_000], [], 400),
    "deep JSON of reports": ("POST", "/oauth/reports", DEEP, ["basic"], 400),
    "deep JSON of tools": ("PUT", "/oauth/tools", DEEP, ["basic"], 400),
    "deep JSON for a stream": ("POST", "/oauth/events/stream", DEEP[:60_000], ["basic"], 400),
    "deep JSON to the API": ("POST", "/api/v1/handles", DEEP[:60_000], ["Content-Type: application/json"], 401),
}
