"""What the doctor finds beyond what stops every client: cause and fix, by code."""

from gatehouse.words.marking import gettext_noop

EXAMINING: dict[str, tuple[str, str]] = {
    # The way there
    "hosted_name_missing": (
        gettext_noop("The host name {host} leads to no address, while the same handle answers at {instead}."),
        gettext_noop("Add a wildcard DNS record for the handles' hosts; until then let people use {instead}."),
    ),
    "hosted_tls_missing": (
        gettext_noop("{host} could not prove by TLS to be that host, while the same handle answers at {instead}."),
        gettext_noop("Install a wildcard certificate for the handles' hosts; until then let people use {instead}."),
    ),
    "no_ipv4": (
        gettext_noop("The host name {host} has IPv6 addresses only; this client calls from IPv4."),
        gettext_noop("Add an A record to the name."),
    ),
    "slow": (
        gettext_noop("{url} took {seconds} seconds; clients give up after 10."),
        gettext_noop("Look for what makes that server slow: a cold start, a proxy, a database far away."),
    ),
    "clock_skew": (
        gettext_noop("The clock of {host} is {seconds} seconds away from the clock here."),
        gettext_noop("Let both computers take their time from NTP; credentials are judged by their clocks."),
    ),
    "out_of_time": (
        gettext_noop("The walk took longer than its {seconds} seconds, and ended before {url} was asked."),
        gettext_noop("Look at the steps before this one for what was slow, then run this again."),
    ),
    "not_called": (
        gettext_noop("{url} is none of the addresses that may be called from here, so it was not asked."),
        gettext_noop(
            "Let the metadata name this deployment's own addresses; or run the doctor on a computer of yours."
        ),
    ),
    "doctor_failed": (
        gettext_noop("The doctor itself broke off here ({kind}); this says nothing about the server."),
        gettext_noop("Tell whoever maintains the doctor the address and the client that you asked for."),
    ),
    # The challenge
    "forbidden": (
        gettext_noop("{url} answered 403 to a call without a credential; clients begin to sign in at 401 only."),
        gettext_noop("Look for a firewall, a bot filter or a list of allowed origins that turns this client away."),
    ),
    "challenge_redirects": (
        gettext_noop(
            "{url} redirects to {location} instead of answering 401; programs do not follow to sign-in pages."
        ),
        gettext_noop("Let no proxy or login page stand in front of the MCP URL: it has to answer 401 by itself."),
    ),
    "no_sign_in": (
        gettext_noop("{url} lets a call without a credential in ({status}); no client is asked to sign in."),
        gettext_noop("Set the MCP server to ask for sign-in on every call (mode oauth)."),
    ),
    "sign_in_later": (
        gettext_noop(
            "{url} lets a first call in without a credential ({status}), though it names who to sign in with."
        ),
        gettext_noop("If it asks for sign-in at single tools only, all is well; not every client signs in that late."),
    ),
    "probe_refused": (
        gettext_noop("{url} answered {status} to {method}, with which this client opens; it waits for 401."),
        gettext_noop("Let the MCP server check the credential before the method: 401 on GET, HEAD and POST alike."),
    ),
    "challenge_on_wrong_header": (
        gettext_noop("The challenge of {url} stands in the header {header}, where no client looks."),
        gettext_noop("Send it as WWW-Authenticate, and let no proxy rename it."),
    ),
    "challenge_unquoted": (
        gettext_noop("The challenge of {url} has values without quotation marks, which some clients cut off."),
        gettext_noop('Write it as: WWW-Authenticate: Bearer resource_metadata="…", scope="…"'),
    ),
    "bearer_not_first": (
        gettext_noop("The challenge of {url} names another scheme before Bearer; several clients read the first only."),
        gettext_noop("Send one challenge, Bearer, and no other scheme beside it."),
    ),
    "no_metadata_pointer": (
        gettext_noop("The challenge of {url} has no resource_metadata; clients have to guess where the metadata is."),
        gettext_noop('Add resource_metadata="…" with the address of the resource metadata to the challenge.'),
    ),
    "error_without_credential": (
        gettext_noop("The challenge of {url} says {error} although no credential was sent."),
        gettext_noop("Leave error out of the challenge where there was no credential (RFC 6750 §3.1)."),
    ),
    "no_scopes": (
        gettext_noop("Neither the challenge nor the resource metadata names scopes, so this client asks for none."),
        gettext_noop(
            'Name what a connection begins with: scope="…" in the challenge, scopes_supported in the metadata.'
        ),
    ),
    "bad_credential_accepted": (
        gettext_noop("{url} answered {status} to a made-up credential; 401 was expected."),
        gettext_noop("Let the MCP server ask the authorization server about every credential before it answers."),
    ),
    "bad_credential_unnamed": (
        gettext_noop('The 401 of {url} to a made-up credential lacks error="invalid_token" in its challenge.'),
        gettext_noop('Send error="invalid_token" and resource_metadata: clients refresh or sign in again by it.'),
    ),
    "credentials_not_checked": (
        gettext_noop("{url} answered {status} to a made-up credential: it cannot ask its authorization server."),
        gettext_noop(
            "Check from the MCP server that the introspection endpoint is reachable and its own credentials are right."
        ),
    ),
    # Documents
    "metadata_behind_sign_in": (
        gettext_noop("{url} answered {status}: {what} is behind a sign-in or a firewall."),
        gettext_noop("Let everybody read everything below /.well-known/ without signing in."),
    ),
    "metadata_redirected": (
        gettext_noop("{url} redirects to {location}; some clients do not follow."),
        gettext_noop("Answer at {url} itself."),
    ),
    "metadata_misplaced": (
        gettext_noop("{what} is not at {url}, where clients look first, but at {found}."),
        gettext_noop("Route {url} to the server as well, at the root of its host."),
    ),
    "wrong_content_type": (
        gettext_noop("{url} answers JSON but calls it {kind}."),
        gettext_noop("Answer with Content-Type: application/json."),
    ),
    "odd_charset": (
        gettext_noop("{url} answers in the character set {charset}; JSON is UTF-8."),
        gettext_noop("Answer with Content-Type: application/json, in UTF-8 and without a charset."),
    ),
    "compressed_unasked": (
        gettext_noop("{url} answers with Content-Encoding {encoding} to clients that asked for none."),
        gettext_noop("Let the proxy compress only where Accept-Encoding allows it."),
    ),
    "null_members": (
        gettext_noop("The document at {url} has members without a value: {members}. Strict clients refuse all of it."),
        gettext_noop("Leave members out that have no value."),
    ),
    # The resource's metadata
    "offline_access_in_resource": (
        gettext_noop("The resource asks for offline_access, which belongs to the authorization server alone."),
        gettext_noop("Take offline_access out of the challenge and out of the resource metadata's scopes_supported."),
    ),
    "several_authorization_servers": (
        gettext_noop(
            "The resource metadata names {number} authorization servers; several clients read the first only."
        ),
        gettext_noop("Name one authorization server."),
    ),
    # The authorization server's metadata
    "issuer_slash": (
        gettext_noop(
            "The issuers {told} and {expected} differ by a slash at the end; some clients forgive that, others do not."
        ),
        gettext_noop("Write the issuer everywhere without a slash at the end."),
    ),
    "openid_metadata_differs": (
        gettext_noop("{url} does not answer with the same issuer, nor with 404; some clients read it first."),
        gettext_noop("Serve the same metadata there, or answer 404."),
    ),
    "internal_address": (
        gettext_noop("The metadata names {url} as {what}, which can be reached from inside only."),
        gettext_noop("Set the public address of the server in its settings, and pass the host name through the proxy."),
    ),
    "no_usable_method": (
        gettext_noop("This client can prove itself by {wanted}; the authorization server lists {told}."),
        gettext_noop('Support one of these in token_endpoint_auth_methods_supported; "none" serves most clients.'),
    ),
    "document_unused": (
        gettext_noop(
            'Clients with a document (CIMD) are welcome, but the methods lack "none", so this client registers instead.'
        ),
        gettext_noop('Add "none" to token_endpoint_auth_methods_supported.'),
    ),
    "no_way_in": (
        gettext_noop(
            "This client can get no client id: no registration_endpoint, no client_id_metadata_document_supported."
        ),
        gettext_noop(
            "Offer a registration_endpoint, or client_id_metadata_document_supported, or register it by hand."
        ),
    ),
    "no_refresh": (
        gettext_noop("There are no refresh tokens: {url} does not name refresh_token among the grants."),
        gettext_noop(
            "Support refresh_token and list it in grant_types_supported; else people sign in again each hour."
        ),
    ),
    "no_offline_access": (
        gettext_noop("offline_access is not in scopes_supported; this client may go without a refresh token."),
        gettext_noop("Add offline_access to scopes_supported of the authorization server's metadata."),
    ),
    "iss_not_advertised": (
        gettext_noop(
            "The metadata does not say that answers carry iss (authorization_response_iss_parameter_supported)."
        ),
        gettext_noop("Put iss into every answer of the authorization endpoint, and say so in the metadata."),
    ),
    # Pages
    "cors_blocked": (
        gettext_noop("A page of {origin} may not call {url}: Access-Control-Allow-Origin is {told}."),
        gettext_noop("Allow the origin, or all: on metadata, registration and token endpoint, and on the MCP URL."),
    ),
    "cors_headers": (
        gettext_noop("A page of {origin} may not send {header} to {url}."),
        gettext_noop("Add Authorization, Content-Type and MCP-Protocol-Version to Access-Control-Allow-Headers."),
    ),
    "cors_not_exposed": (
        gettext_noop("A page of {origin} cannot read the challenge of {url}."),
        gettext_noop("Send Access-Control-Expose-Headers: WWW-Authenticate."),
    ),
    # Registration
    "method_not_echoed": (
        gettext_noop(
            "The registration is answered without token_endpoint_auth_method; some clients then drop their secret."
        ),
        gettext_noop("Repeat in the answer everything that was registered (RFC 7591 §3.2.1)."),
    ),
    "secret_without_expiry": (
        gettext_noop("The registration gives a secret without client_secret_expires_at."),
        gettext_noop("Send client_secret_expires_at: 0 with every secret that stays."),
    ),
    "secret_expires": (
        gettext_noop("The client's secret expires; clients keep the first registration for good."),
        gettext_noop("Let secrets of registered clients not expire: client_secret_expires_at: 0."),
    ),
    "id_needs_escaping": (
        gettext_noop("Client id or secret has characters that clients escape differently in Authorization: Basic."),
        gettext_noop("Make them of letters, digits, hyphen, dot, tilde and underscore."),
    ),
    "registration_cached": (
        gettext_noop("The answer to the registration may be cached (no Cache-Control: no-store)."),
        gettext_noop("Send Cache-Control: no-store with it, and let no proxy change that."),
    ),
    # Authorization
    "client_unknown": (
        gettext_noop("The authorization server does not know the client {client}: {reason}"),
        gettext_noop("Remove the connection in the app and add it again; or register the client anew."),
    ),
    "client_blocked": (
        gettext_noop("The authorization server does not let the client {client} in: {reason}"),
        gettext_noop("Ask an administrator of the authorization server to allow this client."),
    ),
    "document_unusable": (
        gettext_noop("The authorization server cannot use the client's document {client}: {reason}"),
        gettext_noop("Let the server fetch that address (https, egress, DNS), and accept what the document says."),
    ),
    "callback_not_registered": (
        gettext_noop("The callback {uri} is not one that is registered for this client: {reason}"),
        gettext_noop("Add exactly this callback to the client; schemes, slashes and capitals count."),
    ),
    "resource_not_registered": (
        gettext_noop("The authorization server does not know the resource {resource} (invalid_target)."),
        gettext_noop("Register this MCP URL as a resource of the authorization server, spelled exactly so."),
    ),
    "authorization_refused": (
        gettext_noop("The authorization endpoint refuses what this client asks ({error}): {reason}"),
        gettext_noop("Look into the log of the authorization server for this request."),
    ),
    "code_unasked": (
        gettext_noop("The authorization server gave a code although nobody signed in."),
        gettext_noop("Let a person sign in and approve before any code is given."),
    ),
    "preflight_refused": (
        gettext_noop("{url} answered {status} to a program; this client asks there itself before it opens a browser."),
        gettext_noop("Let programs read the authorization endpoint: no bot filter, and no error without a reason."),
    ),
    "sign_in_unreachable": (
        gettext_noop("People are sent to {url} to sign in, which answered {status}."),
        gettext_noop("Route the sign-in pages to the authorization server too."),
    ),
    "iss_missing": (
        gettext_noop("The authorization server's answer to the client carries no iss, though this client needs it."),
        gettext_noop("Send iss with every answer, errors too, exactly as the issuer is spelled in the metadata."),
    ),
    "iss_differs": (
        gettext_noop(
            "iss is {told} where {expected} is the issuer; they differ at character {place}: {told_there} "
            "against {expected_there}."
        ),
        gettext_noop("Send iss exactly as the issuer is spelled in the metadata."),
    ),
    "state_lost": (
        gettext_noop("The authorization server's answer to the client lost its state."),
        gettext_noop("Return state unchanged with every answer, errors too."),
    ),
    "any_callback_taken": (
        gettext_noop("The authorization server answered at a callback that nobody registered: {uri}"),
        gettext_noop("Compare callbacks exactly as registered; anything else hands codes to strangers."),
    ),
    "any_resource_taken": (
        gettext_noop("The authorization server takes the resource {resource}, which does not exist."),
        gettext_noop("Refuse resources that are not registered with invalid_target."),
    ),
    "any_client_taken": (
        gettext_noop("The authorization endpoint answered {status} to a client that does not exist; 400 was expected."),
        gettext_noop("Answer unknown clients with 400 and, to programs, invalid_client: clients register anew by it."),
    ),
    # Token
    "token_not_json": (
        gettext_noop("{url} answered {status}, {kind}, where an OAuth error in JSON was expected."),
        gettext_noop("Route the token endpoint to the authorization server, past login pages and error pages."),
    ),
    "token_error_unclear": (
        gettext_noop("The token endpoint answered a made-up code with {status} {error}; clients know invalid_grant."),
        gettext_noop(
            "Answer dead codes and refresh tokens with 400 invalid_grant, unknown clients with 401 invalid_client."
        ),
    ),
    "method_refused": (
        gettext_noop(
            "The token endpoint refuses the client that was just registered, which proved itself by {method}."
        ),
        gettext_noop("Accept {method} at the token endpoint as the metadata says it, or do not list it."),
    ),
    "token_cached": (
        gettext_noop("Answers of the token endpoint may be cached (no Cache-Control: no-store)."),
        gettext_noop("Send Cache-Control: no-store with them, and let no proxy change that."),
    ),
}
