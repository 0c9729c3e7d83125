"""A page that uses the app through the site's connect.js, as any page can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Page

from in_page import PATIENCE_MS

# The page's copy of the state follows the patches that docs/app.md describes.
CLIENT = """
async (base) => {
  const { connect } = await import(`${base}connect.js`);
  const started = performance.now();
  const pipe = await connect();
  const app = { state: null, calls: new Map(), last: 0, patches: 0, times: {} };
  const put = ({ op, path, value }) => {
    let holder = app.state;
    for (const step of path.slice(0, -1)) holder = holder[step];
    const key = path[path.length - 1];
    if (path.length === 0) app.state = value;
    else if (op === "delete") delete holder[key];
    else if (op === "append") holder[key] += value;
    else holder[key] = value;
  };
  const note = () => {
    const passed = Math.round(performance.now() - started);
    app.times.state ??= passed;
    if (app.state.status === "ready") app.times.ready ??= passed;
    if (app.state.loaded.length > 0) app.times.loaded ??= passed;
    if (Object.keys(app.state.models).length > 1) app.times.catalog ??= passed;
  };
  pipe.onText((text) => {
    const message = JSON.parse(text);
    if (message.type === "state") app.state = message.state;
    if (message.type === "patch") { app.patches += 1; message.patches.forEach(put); }
    if (message.type === "result") app.calls.get(message.id).resolve(message.value);
    if (message.type === "error") app.calls.get(message.id)?.reject(new Error(JSON.stringify(message.error)));
    if (app.state !== null) note();
  });
  app.call = (action, args = {}) => new Promise((resolve, reject) => {
    app.last += 1;
    app.calls.set(app.last, { resolve, reject });
    pipe.send(JSON.stringify({ type: "call", id: app.last, action, args }));
  });
  window.app = app;
  pipe.send('{"type": "hello"}');
}
"""


class AppPage:
    """A page of the site with the app's state in it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Open a page with nothing on it, and connect it to the app."""
        self.page: Page = context.new_page()
        self.page.goto(f"{url}no-such-page")
        self.url = url
        self.connect()

    def connect(self) -> None:
        """Connect, and wait until the app is ready."""
        self.page.evaluate(CLIENT, self.url)
        self.until("app.state?.status === 'ready' || app.state?.status === 'failed'")

    def reload(self) -> None:
        """Open the page anew, whatever goes on in it."""
        self.page.reload()
        self.connect()

    def call(self, action: str, **args: Any) -> Any:
        """Carry out an action, and return its result."""
        return self.page.evaluate("([action, args]) => app.call(action, args)", [action, args])

    def state(self, path: str = "") -> Any:
        """Return a part of the state."""
        return self.page.evaluate(f"app.state{path}")

    def until(self, holds: str, timeout_ms: float = PATIENCE_MS) -> None:
        """Wait until an expression over ``app`` is true."""
        self.page.wait_for_function(f"() => typeof app !== 'undefined' && ({holds})", timeout=timeout_ms)

    def ask(self, text: str, conversation: str | None = None, **settings: Any) -> dict[str, Any]:
        """Send a message, and return the answer at its end."""
        conversation = conversation or self.call("conversations.create", settings=settings)
        self.call("conversations.open", id=conversation)
        self.call("chat.send", conversation=conversation, parts=[{"type": "text", "text": text}])
        thread = f"app.state.threads['{conversation}']"
        last = f"{thread}.messages[{thread}.path.at(-1)]"
        self.until(f"{last}.role === 'assistant' && ['done', 'stopped', 'error'].includes({last}.status)")
        return self.page.evaluate(last)


OpenApp = Callable[..., AppPage]
