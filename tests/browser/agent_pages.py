"""Pages with agents, on a plain static server beside the built site, and a cloud on loopback that plays a model."""

from __future__ import annotations

import json
import re
from itertools import count
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from browserllm.cli.build import copy_site
from in_page import SITE
from openai_exchanges import USAGE, call, chunk, text_chunks
from vendor_server import Reply, VendorServer, events, stream

DOCS = (Path(__file__).parents[2] / "docs" / "amplifier.md").read_text(encoding="utf-8")
(WITHOUT_AGENT,) = re.findall(r"```js\n(.*?)```", DOCS, flags=re.DOTALL)
(FIRST_PAGE,) = re.findall(r"```html\n(.*?)```", DOCS, flags=re.DOTALL)

BARE = """<!doctype html>
<meta charset="utf-8" />
<title>A page with agents</title>
<script type="module">
  import * as module from "./llm/amplifier.js";

  Object.assign(window, module);

  /** Call an action of the app, as docs/app.md says. */
  window.act = async (action, args) => {
    const { connect } = await import("./llm/connect.js");
    const pipe = await connect();
    try {
      return await new Promise((resolve, reject) => {
        pipe.onText((text) => {
          const message = JSON.parse(text);
          if (message.type === "result") resolve(message.value);
          if (message.type === "error") reject(new Error(message.error.message));
        });
        pipe.send(JSON.stringify({ type: "hello" }));
        pipe.send(JSON.stringify({ type: "call", id: 1, action, args }));
      });
    } finally {
      pipe.close();
    }
  };

  /** What an agent or a call of it failed with. */
  window.failureOf = async (work) => {
    try { await (typeof work === "function" ? work() : work); } catch (error) {
      const { name, code, message, recoverable, suggestion, cause } = error;
      return { name, code, message, recoverable, suggestion, caused: cause !== undefined };
    }
    return null;
  };

  /** A promise with its ends outside. */
  window.later = () => {
    const made = {};
    made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
  };
</script>
"""


ADD = """{ name: "add", description: "Add two numbers.", schema: { type: "object",
  properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
  execute: ({ a, b }) => a + b }"""
"""A tool of the page, as it stands in its script."""

_numbers = count(1)


def make_folder(root: Path) -> Path:
    """Write the root of a server: pages of the documentation, a bare one, and the site beside them."""
    copy_site(SITE, root / "llm")
    (root / "first.html").write_text(FIRST_PAGE, encoding="utf-8")
    (root / "alone.html").write_text(
        f'<script type="module">{WITHOUT_AGENT}window.done = true;</script>', encoding="utf-8"
    )
    (root / "bare.html").write_text(BARE, encoding="utf-8")
    return root


def open_bare(context: BrowserContext, url: str) -> Page:
    """Open the bare page."""
    page = context.new_page()
    page.goto(f"{url}bare.html")
    return page


def calls_of(*calls: tuple[str, dict[str, Any]]) -> Reply:
    """An answer that calls these tools, each with its arguments."""
    begin = chunk({"role": "assistant", "content": None})
    deltas = [
        chunk(call(index, f"call-{next(_numbers)}", name, json.dumps(given)))
        for index, (name, given) in enumerate(calls)
    ]
    return stream(events(begin, *deltas, chunk({}, "tool_calls"), chunk(usage=USAGE), "[DONE]"))


def says(*texts: str) -> Reply:
    """An answer in these pieces."""
    return stream(events(*text_chunks(*texts), "[DONE]"))


def use_cloud(page: Page, server: VendorServer, name: str = "cloud") -> str:
    """Let agents of the page ask the cloud of this exchange; returns its name as a model."""
    cloud = {"vendor": "compatible", "model": "m", "label": name, "apiKey": "k", "baseUrl": f"{server.url}/{name}"}
    page.evaluate(
        """async ([cloud, id]) => {
          await act("settings.update", { changes: { neverLeaveDevice: false } });
          await act("clouds.save", { ...cloud, id });
        }""",
        [cloud, name],
    )
    return f"cloud:{name}"


def played(page: Page, cloud: VendorServer, *replies: Reply) -> str:
    """Let a cloud give these answers; returns its name as a model."""
    cloud.add("cloud", *replies)
    return use_cloud(page, cloud)
