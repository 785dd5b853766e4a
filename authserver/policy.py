"""What we decide: every lifetime, limit, size and prefix, with its unit in its name and the clause beside it."""

from datetime import timedelta

# Lifetimes. An access token of ten minutes is long enough that clients which refresh ahead of time
# (some at 60 s before expiry, some at 5 min) do not refresh on every call.
ACCESS_TOKEN_LIFETIME = timedelta(minutes=10)
ACCESS_TOKEN_LIFETIME_MIN_SECONDS = 5  # development only: to watch a client refresh
REFRESH_TOKEN_IDLE_LIFETIME = timedelta(days=30)  # slides: each refresh starts it again
REFRESH_LEEWAY = timedelta(seconds=120)  # the same refresh token answers the same pair within it
REFRESH_CHAIN_LENGTH_MAX = 200  # how many replacements behind a late token may be
DECLINED_WISH_REST = timedelta(days=30)  # a scope that a person declined does not come up again before
WISHES_PER_CONNECTION_MAX = 20  # that wait for its person at the same time
AUTHORIZATION_CODE_LIFETIME = timedelta(seconds=60)  # RFC 6749 §4.1.2 allows ten minutes
HANDLES_LISTED_MAX = 50  # on a consent page; with more, the server searches
HANDLE_SEARCH_LENGTH_MAX = 80
CONSENT_FORM_LIFETIME = timedelta(minutes=60)  # how long a consent page may stay open before Allow
# A registration that was never used ends after a month; one that was, after two years without use, so that a client
# idle for a year still reconnects (RFC 7591 §5 asks for some end). Tombstones of the unused ones go after a year more.
UNUSED_REGISTRATION_LIFETIME = timedelta(days=30)
IDLE_REGISTRATION_LIFETIME = timedelta(days=730)
TOMBSTONE_LIFETIME = timedelta(days=365)
CLIENT_LAST_USED_RESOLUTION = timedelta(days=1)
SECRET_OVERLAP = timedelta(days=7)  # how long a replaced secret works on: of clients, resource servers, registrants
LAST_USED_RESOLUTION = timedelta(minutes=5)  # how stale a connection's last-used time may be

# People. Dangerous acts want a person who showed lately who they are; administrators show it anew after an hour.
RECENT_SIGN_IN = timedelta(minutes=10)
ADMIN_SESSION = timedelta(hours=1)
CODE_BY_MAIL_LIFETIME = timedelta(minutes=15)  # mail takes its time, and WCAG 2.2.1 wants no haste
CODE_BY_MAIL_ATTEMPTS_MAX = 3
CODES_PER_ADDRESS_AND_HOUR = 10
UPSTREAM_TIMEOUT_SECONDS = 5  # of each request to a provider that people sign in with
SIGN_IN_STEPS_LIFETIME = timedelta(minutes=40)  # from the password to the last step: a second factor, a code by mail

# Purging: once a minute, so that there is little to do each time.
PURGE_RUN = timedelta(seconds=30)  # what is left then is done by the next run
PURGE_RUNS_FOLLOWING = 3  # at once, where one did not come to the end; with one a minute that is two at a time
PURGE_RUN_NIGHTLY = timedelta(seconds=240)  # within CELERY_TASK_TIME_LIMIT

# What a person is told about use.
FORMER_NAME_IDLE = timedelta(days=90)  # after which a former issuer that nobody used is worth closing
MOVE_CLIENTS_SHOWN = 50
UNUSED_BADGE_AFTER = timedelta(days=90)
TOOLS_SHOWN = 3  # on a card

# Personal access tokens: none is endless.
PERSONAL_TOKEN_LIFETIMES = (timedelta(days=7), timedelta(days=30), timedelta(days=90), timedelta(days=365))
PERSONAL_TOKENS_MAX = 50  # live ones of one person at one handle
TOKEN_NAME_LENGTH_MAX = 80
EXPIRED_TOKENS_SHOWN = timedelta(days=30)  # so that whoever looks why a program stopped finds the reason

# Handles, and who is let in.
HANDLES_OWNED_MAX = 20  # of one person, names that they gave up lately included
HANDLES_CREATED_PER_MINUTE = 5  # of one person
HANDLE_NAMES_CHECKED_PER_MINUTE = 60  # by one person, while they type
# How long nobody else gets the name of a handle that is gone: by then every registration that knew its addresses has
# ended (IDLE_REGISTRATION_LIFETIME).
HANDLE_NAME_REST = timedelta(days=730)
HANDLE_MEMBERS_PAGE = 25
INVITATION_LIFETIMES = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
INVITATION_LIFETIME = timedelta(days=7)  # where nothing else is chosen
INVITATIONS_OPEN_MAX = 100  # of one handle
INVITATIONS_PER_HANDLE_AND_DAY = 50
INVITATION_USES_MAX = 500  # of one link, where a number is chosen
INVITATION_REST = timedelta(days=1)  # before one handle writes to the same address again
DECLINED_INVITATION_REST = timedelta(days=30)
INVITATION_RETENTION = timedelta(days=30)  # after it expired
INVITATION_LINKS_PER_MINUTE = 30  # tried from one address
INVITATION_LINKS_HELD_MAX = 10  # by one browser
JOIN_REQUESTS_MAX = 100  # that wait at one handle
JOIN_REQUESTS_PER_PERSON_AND_DAY = 10
DECLINED_JOIN_REST = timedelta(days=30)

# Mail that is owed. A try that failed is repeated after twice the time of the one before.
NOTICE_RETRY = timedelta(seconds=30)
NOTICE_ATTEMPTS_MAX = 8
NOTICE_RETENTION = timedelta(days=30)
MAIL_TIMEOUT_SECONDS = 5  # of each step with the mail server
MAIL_ROUND_SECONDS = 10

# Usage: counted in the process, written a little later; reported by resource servers, added up once a minute.
USAGE_FLUSH = timedelta(seconds=10)
USAGE_CONNECTIONS_HELD_MAX = 100_000  # per process and between two flushes; what comes beyond is not counted
MARKS_FLUSH = timedelta(seconds=1)  # how long it is known in memory only that a credential was used
MARKS_HELD_MAX = 50_000  # of each kind; what comes beyond is noted with the next answer
USAGE_RETENTION = timedelta(days=400)
REPORT_BODY_BYTES_MAX = 262_144
REPORT_CALLS_MAX = 500
REPORT_COUNT_MAX = 10_000  # calls that one entry of a report may stand for
REPORT_AGE_MAX = timedelta(hours=1)  # of a call, and of a connection's end; what is older counts as of now, or not
REPORT_AHEAD_MAX = timedelta(minutes=1)
REPORT_STEPS_MAX = 200  # of connection attempts
REPORT_CLOCK_SKEW = timedelta(seconds=30)  # from which on a resource server's clock is said to be wrong
REPORT_WISHES_PER_CALL_MAX = 10
REPORT_WISHES_MAX = 100  # per report: each takes a lock
TOOL_LENGTH_MAX = 128
TOOL_SCOPES_LENGTH_MAX = 400
TOOLS_PER_CONNECTION_AND_DAY_MAX = 200  # a server that makes names up fills no disk: further ones count as one
USAGE_EXPORT_ROWS_MAX = 50_000

# Tools, as resource servers publish them.
TOOLS_MAX = 500  # of one server
TOOLS_BODY_BYTES_MAX = 1_048_576
TOOL_TITLE_LENGTH_MAX = 200
TOOL_DESCRIPTION_LENGTH_MAX = 1_000
TOOL_RESOURCES_MAX = 100  # endpoints named in one publication
GONE_TOOL_KEPT = timedelta(days=30)  # how long a rolling deployment may take, or the way back from one
GONE_TOOLS_MAX = 500  # of one server at one endpoint; what went first is forgotten first
TOOL_ABSENCES_MAX = 10  # told apart; of more the oldest run together
MANIFESTS_KEPT_MAX = 1_000  # endpoints whose tools a process holds in memory

# Mail about new tools, to people whose connections wait for their word. Several publications in a row make one letter;
# letters that something happened to somebody's access wait behind few of these.
TOOLS_MAIL_AFTER = timedelta(minutes=10)
TOOLS_MAIL_USED_WITHIN = timedelta(days=30)
TOOLS_MAIL_PER_ROUND = 100
TOOLS_MAIL_NAMES = 5

# Keys that sign security events and ledger seals.
SIGNING_KEY_LIFETIME = timedelta(days=90)
SIGNING_KEY_NOTICE = timedelta(hours=1)  # how long a key is published before it signs; whoever caches must meet it
SIGNING_KEY_RETENTION = timedelta(days=30)  # how long a retired key stays published

# A change of SECRET_KEY. What rests under the former one is sealed anew when every node should have the new one; what
# it signed for people to hold (open forms, shared links to attempts) is good until it expires.
RESEAL_AFTER = timedelta(hours=1)
RESEAL_RUN = timedelta(seconds=120)  # what is left then is done by the next run
RESEAL_RUN_BY_HAND = timedelta(hours=6)
KEYS_LOOKED_AT_MAX = 10_000  # rows of a kind that the status looks at, unless it is asked for all

# Security events for resource servers that remember answers (docs/wire.md). The kit remembers nothing once its last
# poll, or the last verification that it asked for, is older than these: then it asks about every request again.
POLL_FRESHNESS_SECONDS = 2
PUSH_FRESHNESS_SECONDS = 5
RECEIPT_WAIT_SECONDS = 1.5  # how long a page waits for confirmations before it says how many there are
RECEIPT_STEP_SECONDS = 0.03
STREAMS_PER_SERVER_MAX = 200  # one per process; the one that was silent for longest makes room
STREAM_SILENCE_MAX = timedelta(hours=1)  # after which a stream is ended
STREAM_CONTACT_RESOLUTION = timedelta(seconds=1)
EVENT_BODY_BYTES_MAX = 65_536
EVENTS_PER_POLL_MAX = 200
EVENT_ACKNOWLEDGEMENTS_MAX = 1_000
VERIFICATION_STATE_LENGTH_MAX = 200
EVENT_ATTEMPTS_MAX = 10
EVENT_RETRY = timedelta(seconds=2)  # doubles with each failure, up to the next; half of it is chance
EVENT_RETRY_MAX = timedelta(minutes=5)
EVENT_RETENTION = timedelta(days=7)  # of what was acknowledged or given up
NODE_CLOCK_SKEW = timedelta(seconds=5)  # how far the clocks of our own nodes may be apart
PUSH_DEADLINE_SECONDS = 3.0  # of one push: connecting, sending, the answer
PUSHES_AT_ONCE = 16  # streams side by side, per process
PUSHES_PER_STREAM = 20  # that one stream gets in a row
PUSH_RUN_SECONDS = 10.0  # how long one run takes up work
PUSH_LEASE = timedelta(seconds=30)  # how long what a run took is its own; more than it can need
METRICS_AGE_MAX_SECONDS = 5
FIGURES_FLUSH = timedelta(seconds=1)  # how long a process keeps to itself what it counted
FIGURES_PER_FAMILY_MAX = 500  # told apart by their labels; what is beyond counts as "other"
READY_KEPT_SECONDS = 1.0  # how long that answer is given again: strangers may ask, and each makes a connection
READY_SECONDS_MAX = 2.0  # what the answer to "are you ready" may take, whatever the database does
DASHBOARD_AGE_MAX = timedelta(minutes=10)  # of the connections per client, on the admin's first page

# The ledger: the chain of events.
LEDGER_LOOK_BACK = 10_000  # ids behind the highest that is linked, where events that committed late are looked for
LEDGER_LINKS_PER_RUN = 100_000
LEDGER_DISORDER_MAX = timedelta(hours=1)  # how long after others an event may commit that is older than they are
LEDGER_SEAL_DELAY = timedelta(hours=2)  # more than that: after the end of a month nothing of it is still to come
EVENT_DOWNLOAD_ROWS_MAX = 100_000  # of one download in the admin; `manage.py ledger export` has no end

# Names of secrets, for scanners and for refusing a wrong kind without a query.
ACCESS_TOKEN_PREFIX = "mcpv1_"
REFRESH_TOKEN_PREFIX = "mcprt_"
PERSONAL_ACCESS_TOKEN_PREFIX = "pat_"
RESOURCE_SERVER_SECRET_PREFIX = "rss_"
CLIENT_SECRET_PREFIX = "mcs_"
REGISTRATION_TOKEN_PREFIX = "mcr_"
INITIAL_ACCESS_TOKEN_PREFIX = "mci_"
INVITATION_PREFIX = "inv_"

AGENT_LENGTH_MAX = 200  # of a User-Agent, as far as it is kept

# Sizes. Requests beyond them are answered with the endpoint's own error, before any query.
FORM_BODY_BYTES_MAX = 16_384
REGISTRATION_BODY_BYTES_MAX = 65_536
QUERY_LENGTH_MAX = 8_192
PARAMETER_COUNT_MAX = 50
PARAMETER_LENGTH_MAX = 4_096
SCOPE_COUNT_MAX = 100
UI_LOCALES_MAX = 20  # how many languages of an authorization request are looked at
CONNECTIONS_PAGE = 50  # of a handle's connections
ENDED_AT_ONCE_MAX = 200  # connections by one press: each is a transaction of its own, and a page must answer
PENDING_CLIENTS_MAX = 100  # clients that wait for a handle's admins; outsiders of a public handle can file them
REDIRECT_URIS_MAX = 32  # VS Code registers 8, Cursor 3
REDIRECT_URI_LENGTH_MAX = 2_048
CLIENT_ID_LENGTH_MAX = 255
CLIENT_NAME_LENGTH_MAX = 80
METADATA_URL_LENGTH_MAX = 1_024

# Client ID metadata documents and the keys they name: fetched, bounded, kept.
DOCUMENT_BYTES_MAX = 5_120  # draft-ietf-oauth-client-id-metadata-document §6.6 recommends 5 KB
JWKS_BYTES_MAX = 65_536
JWKS_KEYS_MAX = 32
FETCH_DEADLINE_SECONDS = 5.0  # of all of it: resolving, connecting, reading; clients give up after 10 s
FETCHES_IN_FLIGHT_MAX = 8  # per process
FETCHES_PER_CALLER_PER_MINUTE = 30  # less than an origin's, so that no single caller can use that up for everybody
FETCHES_PER_ORIGIN_PER_MINUTE = 120
FETCH_FAILURES_BEFORE_PAUSE = 3  # so that a person can try again at once (C6) and a dead host still costs little
FETCH_PAUSE_SECONDS = 60
DOCUMENT_AGE_MIN_SECONDS = 300
DOCUMENT_AGE_MAX_SECONDS = 86_400
DOCUMENT_AGE_DEFAULT_SECONDS = 3_600  # where its host says nothing
REFRESH_BATCH = 50  # documents refreshed at a time, behind the requests
DOCUMENT_RETRY_SECONDS = 300  # after a refresh that failed; the last good copy serves meanwhile
KEYS_AGE_MAX = timedelta(days=1)  # after which keys are asked for again: a withdrawn one works no longer
KEYS_RETRY_SECONDS = 60  # how often an unknown key may make us ask for a client's keys again

# The connect trace: what is held in memory, how long a step is only there, how much is kept and for how long.
TRACE_FLUSH = timedelta(seconds=0.5)
TRACE_HELD_MAX = 5_000  # per process
TRACE_STRANGERS_HELD_MAX = 1_000  # of them, steps of nobody whom we know
TRACE_CALLERS_COUNTED_MAX = 10_000  # per process
TRACE_ROWS_PER_STATEMENT = 500
TRACE_STEPS_PER_ORIGIN_AND_MINUTE = 300
TRACE_KEPT = timedelta(days=7)
TRACE_STEPS_MAX = 2_000_000
TRACE_JOIN_WINDOW = timedelta(minutes=30)  # how far apart steps of one attempt may be that only place and time join
TRACE_PATIENCE = timedelta(minutes=1)  # after which a program that has not taken its next step is said not to
TRACE_LINK_LIFETIME = timedelta(days=3)  # of a shared link
FORMER_KEY_KEPT = RESEAL_AFTER + max(CONSENT_FORM_LIFETIME, TRACE_LINK_LIFETIME)
TRACE_STEPS_SHOWN_MAX = 500  # read for one page
REHEARSAL_LIFETIME = timedelta(hours=1)  # within which a client has to meet its fault
REHEARSAL_WATCH = timedelta(minutes=3)  # after it did: within which it finds its way, or has given up
REHEARSAL_SETTLE = timedelta(seconds=10)  # by then resource servers have reported what they saw
REHEARSAL_LOOK = timedelta(seconds=5)  # how often is looked for what has to be restored or written down
ALARM_MAIL_REST = timedelta(hours=6)  # before the same is told again
ALARM_RETENTION = timedelta(days=90)  # of one that is closed
ALARM_RETRY = timedelta(seconds=30)  # of a webhook that did not take it; doubles with each failure, up to the next
ALARM_RETRY_MAX = timedelta(minutes=15)
ALARM_TELL_FOR = timedelta(days=3)  # then it is given up: whoever is away for longer looks at the dashboard
ALARM_ROUND_SECONDS = 10.0  # of one round of telling, and one message
ALARMS_SHOWN_MAX = 20  # on the first page of the administration, and in one letter
REFUSALS_GROW_FACTOR = 5  # in an hour, over the mean hour of the day before
REFUSALS_GROW_MIN = 20  # in that hour: fewer are no news

# The doctor's walks to MCP endpoints: while a person waits, and at night.
DOCTOR_CLIENT_ID = "d0c70000-0000-4000-8000-000000000001"
ENDPOINT_CHECK_SECONDS = 8.0  # of a whole round, all addresses side by side
ENDPOINT_CHECK_REST_SECONDS = 10  # between two rounds of one handle
ENDPOINT_CHECKS_PER_PERSON_PER_MINUTE = 6
ENDPOINT_ROUNDS_AT_ONCE = 2  # per process: each keeps one of the PAGE_THREADS waiting, and its walks need another
ENDPOINTS_CHECKED_AT_ONCE = 8  # per process
ENDPOINTS_PER_ROUND_MAX = 12
ENDPOINT_NIGHTLY_RUN = timedelta(minutes=3)  # within CELERY_TASK_TIME_LIMIT; there are several in a night
ENDPOINT_NIGHTLY_WALK_SECONDS = 20.0
ENDPOINT_NIGHTLY_HANDLES_AT_ONCE = 2
ENDPOINT_NIGHTLY_HANDLES_MAX = 2_000  # of one run
ENDPOINT_REPORT_FRESH = timedelta(hours=20)  # within which the night does not ask again
ENDPOINT_REPORT_KEPT = timedelta(days=60)
ENDPOINT_EXAMPLES = 3  # addresses named in an alarm about many

# Client assertions (RFC 7523).
ASSERTION_LIFETIME_MAX = timedelta(minutes=5)
ASSERTION_CLOCK_SKEW = timedelta(seconds=30)
ASSERTION_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
ASSERTION_ID_LENGTH_MAX = 512
RSA_KEY_BITS_MIN = 2_048
RSA_KEY_BITS_MAX = 8_192  # checking a larger one costs more than the request is worth

# Schemes of installed apps whose redirect URIs may be registered (RFC 8252 §7.1), with the app they open.
PRIVATE_USE_SCHEMES = {
    "cursor": "Cursor",
    "vscode": "Visual Studio Code",
    "vscode-insiders": "Visual Studio Code Insiders",
    "windsurf": "Windsurf",
    "zed": "Zed",
    "claude": "Claude",
}

BRAND_NAME_LENGTH = 40
BRAND_LOGO_BYTES_MAX = 32_768  # every page loads it
PRODUCT_NAME = "Gatehouse"  # no client may carry it

# Rates, per address. Settings may change them; these are the defaults.
REGISTRATIONS_PER_MINUTE = 60
# Of one product from all addresses together, where each makes a row (clients with a secret): far above what the
# largest need, so that nobody can shut a product out, and far below what fills a disk.
REGISTRATIONS_PER_FINGERPRINT_AND_MINUTE = 600
SIGN_INS_PER_MINUTE = 60

# Wrong secrets, and credentials that nobody was given, of one address with one id. Beyond it nobody is refused: they
# wait in a line of their own (authserver/door/guesses.py).
GUESSES_PER_MINUTE = 300
GUESSERS_WAITING_MAX = 100  # in one process; the next ones are 429
GUESSERS_OF_ADDRESS_WAITING_MAX = 75  # among them
GUESSERS_OF_ID_WAITING_MAX = 50  # of one address with one id, among these
GUESSERS_MAX = 10_000  # remembered by one process
GUESSES_HELD_MAX = 10_000  # not yet counted, in one process
ACTS_PER_MINUTE = 120  # forms that one person who is signed in sends
# Of one resource server, for 200 processes of it (STREAMS_PER_SERVER_MAX) with room to spare.
RESOURCE_SERVER_REQUESTS_PER_MINUTE = {
    "reports": 12_000,
    "tools": 1_200,
    "streams": 30_000,
    "polls": 60_000,
    "rehearsals": 1_200,
}
# Pages of one kind that one person opens, or an address that is not signed in. An open attempt looks every few seconds.
PAGES_OPENED_PER_MINUTE = {"attempts": 300}

CACHE_ENTRIES_MAX = 20_000  # of a cache in memory: in development, and while the shared one is away

# The scopes of a request that names none (RFC 6749 §3.3): every default scope of the catalog is asked for.
OFFLINE_ACCESS = "offline_access"
SESSION_SCOPE = "mcp.connect"

# The control-plane API.
API_BODY_BYTES_MAX = 65_536
API_REQUESTS_PER_MINUTE = 600  # of one person's session, or of one token
API_PUBLIC_REQUESTS_PER_MINUTE = 120  # per address, of what needs no sign-in
API_MEMBERS_ADDED_PER_MINUTE = 20  # so that nobody tries addresses one after the other
API_PAGE_DEFAULT = 50
API_PAGE_MAX = 200
API_SCOPES_MAX = 100  # in one body

# The door (docs/measured/performance.md). What waits is bounded, and so is the wait: beyond either the answer is 503.
DOOR_MEMBERS_MAX = 64  # who share one statement or transaction
DOOR_WAITING_MAX = 2_000  # in one line of one process
DOOR_SECONDS_MAX = 3.0
DOOR_PATIENCE_SECONDS = 0.02  # how long one waits for those before, where a second statement may go beside the first
DOOR_STATEMENT_SECONDS = 3.0
METADATA_KEPT_SECONDS = 1.0  # in memory; how long a change of the catalog may stay unseen there
PAGE_THREADS = 8  # per process: as many as DATABASE_POOL_SIZE
REQUEST_SECONDS_MAX = 20.0  # for a request to arrive to its end
HEAD_BYTES_MAX = 65_536  # of a request, about
REQUEST_BYTES_MAX = 8_388_608  # of a request, about: beyond, its connection is closed
REQUESTS_AHEAD_MAX = 50  # on one connection, of the answer to the first
PAGES_WAITING_MAX = 200  # in one process, those under way among them
PAGES_OF_CALLER_WAITING_MAX = 100  # of one address among them; the next ones are 429
PAGE_THREADS_OF_CALLER = 4  # that one address has at most, so that a flood leaves others some
PAGE_SMALL_BODY_BYTES = 65_536  # up to this it may arrive as slowly as it likes, within REQUEST_SECONDS_MAX
PAGE_LARGE_BODIES_MAX = 40  # larger ones, while they arrive, in one process
PAGE_LARGE_BODIES_OF_CALLER = 10  # of one address among them
CONNECTIONS_MAX = 20_000  # of one process; further ones are closed at once
PAGE_BODY_BYTES_MAX = 2_097_152  # more than any page takes (settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
