"""A cloud on loopback for the app's tests: it answers what a test wants, and writes down what it was asked."""

from __future__ import annotations

from app_page import AppPage
from openai_exchanges import text_chunks
from vendor_server import Reply, VendorServer, events, stream

KEY = "sk-app-5b1f0c77d2ae"
"""The key of every cloud here: it must show up nowhere but in a header of a request."""

LABEL = "Cloud on loopback"


def says(text: str, piece: int = 24) -> Reply:
    """An answer of this text, that comes in pieces of so many characters."""
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    return stream(events(*text_chunks(*pieces), "[DONE]"))


def add_cloud(app: AppPage, server: VendorServer, name: str = "cloud", **more: object) -> str:
    """Set up the cloud that plays an exchange of the server, and let clouds alone answer; returns its id."""
    cloud = {"vendor": "compatible", "model": "m", "label": LABEL, "apiKey": KEY, "baseUrl": f"{server.url}/{name}"}
    added: str = app.call("clouds.save", **cloud | more)
    app.call("settings.update", changes={"neverLeaveDevice": False, "mode": "cloud", "introduced": True})
    return added


def reset(app: AppPage) -> None:
    """Delete all clouds, and set what they need as at a first visit."""
    for name in app.state()["clouds"]:
        app.call("clouds.delete", id=name)
    usual = {"neverLeaveDevice": True, "mode": "auto", "policy": "local_first", "model": None, "introduced": True}
    app.call("settings.update", changes=usual)
