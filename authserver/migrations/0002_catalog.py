"""The first content of the catalog (requirements S1, S2) and the three platform endpoints (T1)."""

from django.db import migrations

# name, title, description, consequence, level, group, role
SCOPES = [
    ("mcp.connect", "Connect to this handle", "Open a session and see which tools exist.", "", "read", "Session", "public"),
    ("skills.read", "See available skills", "Read the list of skills and what each one does.", "", "read", "Session", "public"),
    ("links.read", "Read your links", "See links and where they lead.", "", "read", "Links", "public"),
    ("links.write", "Create and edit links", "Add new links and change existing ones.", "", "change", "Links", "member"),
    ("analytics.read", "Read your analytics", "See visits, clicks and other figures.", "", "read", "Analytics", "member"),
    ("pages.read", "Read your pages", "See pages and their drafts.", "", "read", "Pages", "public"),
    ("pages.write", "Create and edit pages", "Add new pages and change existing ones.", "", "change", "Pages", "member"),
    ("site.deployments.read", "See your deployments", "See what was published and when.", "", "read", "Site", "member"),
    ("site.deployments.write", "Publish your site", "Start and roll back deployments.", "Changes what the public sees.", "manage", "Site", "admin"),
    ("webhooks.read", "See your webhooks", "See which addresses are notified of what.", "", "read", "Webhooks", "member"),
    ("webhooks.write", "Create and edit webhooks", "Add, change and remove webhooks.", "Sends data of this handle to other servers.", "manage", "Webhooks", "admin"),
    ("knowledge.query", "Ask your knowledge base", "Send questions and read the answers.", "", "read", "Knowledge", "public"),
    ("context_store.search", "Search your context store", "Find and read stored context.", "", "read", "Context store", "public"),
    ("context_store.manage", "Refresh your context store", "Rebuild and remove stored context.", "Replaces what every other app of this handle reads.", "manage", "Context store", "admin"),
    ("offline_access", "Stay connected", "Keep working without asking you again.", "", "read", "Session", "public"),
]

BUNDLES = [
    ("session", "Session and discovery", "mcp.connect skills.read"),
    ("links", "Links", "links.read links.write"),
    ("analytics-export", "Analytics export", "analytics.read"),
    ("site-launch", "Site and page launch", "pages.read site.deployments.read site.deployments.write"),
    ("campaign-pages", "Campaign pages", "pages.read pages.write"),
    ("webhooks", "Webhooks", "webhooks.read webhooks.write"),
    ("knowledge", "Knowledge query", "knowledge.query"),
    ("context-reads", "Context store reads", "context_store.search"),
    ("context-refresh", "Context store refresh", "context_store.manage"),
]

ENDPOINTS = [("gateway", "Gateway"), ("hosted", "Hosted"), ("compatibility", "Compatibility path")]


def load(apps, schema_editor):
    scope_model = apps.get_model("authserver", "Scope")
    for position, (name, title, description, consequence, level, group, role) in enumerate(SCOPES, start=1):
        scope_model.objects.create(
            name=name, title=title, description=description, consequence=consequence, level=level, group=group,
            role=role, position=position * 10, is_required=name == "mcp.connect", is_shown=name != "offline_access",
        )
    bundle_model = apps.get_model("authserver", "ScopeBundle")
    for position, (slug, title, scopes) in enumerate(BUNDLES, start=1):
        bundle = bundle_model.objects.create(slug=slug, title=title, position=position * 10)
        bundle.scopes.set(scope_model.objects.filter(name__in=scopes.split()))
    for kind, name in ENDPOINTS:
        apps.get_model("authserver", "ProtectedResource").objects.create(kind=kind, name=name)
    apps.get_model("authserver", "CatalogState").objects.create(id=1, version=1)


class Migration(migrations.Migration):
    dependencies = [("authserver", "0001_initial")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
