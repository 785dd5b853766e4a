"""The words of the default catalog, for translation. The catalog is data: what an administrator types stays as typed;
a sentence that stands here word for word is read in the person's language."""

from django.utils.translation import get_language, gettext, gettext_noop

SENTENCES = (
    gettext_noop("Session"),
    gettext_noop("Connect to this handle"),
    gettext_noop("Open a session and see which tools exist."),
    gettext_noop("See available skills"),
    gettext_noop("Read the list of skills and what each one does."),
    gettext_noop("Links"),
    gettext_noop("Read your links"),
    gettext_noop("See links and where they lead."),
    gettext_noop("Create and edit links"),
    gettext_noop("Add new links and change existing ones."),
    gettext_noop("Analytics"),
    gettext_noop("Read your analytics"),
    gettext_noop("See visits, clicks and other figures."),
    gettext_noop("Pages"),
    gettext_noop("Read your pages"),
    gettext_noop("See pages and their drafts."),
    gettext_noop("Create and edit pages"),
    gettext_noop("Add new pages and change existing ones."),
    gettext_noop("Site"),
    gettext_noop("See your deployments"),
    gettext_noop("See what was published and when."),
    gettext_noop("Publish your site"),
    gettext_noop("Start and roll back deployments."),
    gettext_noop("Changes what the public sees."),
    gettext_noop("Webhooks"),
    gettext_noop("See your webhooks"),
    gettext_noop("See which addresses are notified of what."),
    gettext_noop("Create and edit webhooks"),
    gettext_noop("Add, change and remove webhooks."),
    gettext_noop("Sends data of this handle to other servers."),
    gettext_noop("Knowledge"),
    gettext_noop("Ask your knowledge base"),
    gettext_noop("Send questions and read the answers."),
    gettext_noop("Context store"),
    gettext_noop("Search your context store"),
    gettext_noop("Find and read stored context."),
    gettext_noop("Refresh your context store"),
    gettext_noop("Rebuild and remove stored context."),
    gettext_noop("Replaces what every other app of this handle reads."),
    gettext_noop("Stay connected"),
    gettext_noop("Keep working without asking you again."),
    gettext_noop("Session and discovery"),
    gettext_noop("Analytics export"),
    gettext_noop("Site and page launch"),
    gettext_noop("Campaign pages"),
    gettext_noop("Knowledge query"),
    gettext_noop("Context store reads"),
    gettext_noop("Context store refresh"),
)


def catalog_text(text: str) -> str:
    """Return a sentence of the catalog in the language of the page, or as it is stored where it is not one of ours."""
    return gettext(text) if text else ""


def in_sentence(words: object) -> str:
    """Return a title as it stands within a sentence: English begins it small, other languages as their own words do."""
    text = str(words)
    return text[:1].lower() + text[1:] if get_language() == "en" else text
