"""Every page a person may meet, each as a scene: a name, and a function that brings a browser page to it.

The browser tests hold every scene to what every page owes; `./dev manage gallery` photographs them. A scene makes what
it needs and disturbs no other: people and handles of its own where it changes something. It finds its way by fields and
addresses, never by words on a page, which are in the person's language.

    @scene("handle-members")
    def handle_members(stage: Stage) -> None:
        stage.sign_in("alice").open("/handles/acme/members")
"""

from tests.browser.scenes import (
    account,
    attempts,
    connected,
    entering,
    errors,
    flow,
    handles,
    integrations,
    people,
    tools,
)
from tests.browser.scenes.stage import SCENES, Scene, Stage, furnish, inspected, matching, scene

AREAS = (account, attempts, connected, entering, errors, flow, handles, integrations, people, tools)
__all__ = ["AREAS", "SCENES", "Scene", "Stage", "furnish", "inspected", "matching", "scene"]
