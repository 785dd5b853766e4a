"""What mails about accounts say of the browser behind a change."""

from django import template

from authserver.protocol.connections import agents

register = template.Library()


@register.filter
def browser(agent: str) -> str:
    """Return the family of a `User-Agent`; nothing of what it says itself gets into a mail."""
    return agents.family(agent)
