"""Who answers in the app, and what leaves the device: a cloud on loopback counts what it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from app_clouds import KEY, LABEL, add_cloud, reset, says
from app_page import AppPage, text_of
from vendor_server import Asked, VendorServer, answer

STORY = "Tell me a story about a fox."
SECRET = "my diary: the fox is called Amaryllis"


@pytest.fixture(scope="module")
def cloud() -> Iterator[VendorServer]:
    """The cloud."""
    with VendorServer(
        {"cloud": says("A cloud's answer."), "busy": answer({"error": {"message": "down"}}, 503)}, cors=True
    ) as server:
        yield server


@pytest.fixture(scope="module")
def shared(start_browser: Callable[..., BrowserContext], site_url: str) -> AppPage:
    """The app."""
    return AppPage(start_browser(), site_url).open()


@pytest.fixture
def app(shared: AppPage) -> Iterator[AppPage]:
    """The app without clouds, and with the settings of a first visit."""
    reset(shared)
    yield shared
    shared.check()


def new_chat(app: AppPage) -> None:
    """Leave whatever is open."""
    app.page.goto(f"{app.url}#chat")
    expect(app.answers).to_have_count(0)


def where_it_is_kept(app: AppPage) -> list[str]:
    """The places of the browser where the key can be found: storage, page, state and export."""
    return app.page.evaluate(_FIND, KEY) + [
        name
        for name, text in {
            "state": json.dumps(app.state()),
            "JSON export": app.call("conversations.export"),
            "Markdown export": app.call("conversations.export", format="markdown"),
        }.items()
        if KEY in text
    ]


def test_a_cloud_is_set_up_by_hand_and_answers_with_its_badge(app: AppPage, cloud: VendorServer) -> None:
    """Nothing is sent before the person says so; then the answer says that it came from a cloud."""
    page = app.page
    page.goto(f"{app.url}#settings/clouds")
    page.get_by_role("button", name="Add a cloud").click()
    form = page.get_by_role("dialog", name="Add a cloud")
    form.get_by_label("Provider").select_option("compatible")
    form.get_by_label("Model", exact=True).fill("m")
    form.get_by_label("API key").fill(KEY)
    form.get_by_label("Address").fill(f"{cloud.url}/cloud")
    form.get_by_label("Name in this app").fill(LABEL)
    expect(form.get_by_text("The key is in memory only, and gone when this page is closed.")).to_be_visible()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=LABEL)).to_be_visible()
    assert cloud.requests == []
    page.get_by_role("button", name="Turn it off").click()
    page.get_by_role("button", name=f"Test {LABEL}").click()
    expect(page.get_by_text(f"{LABEL} answers.")).to_be_visible()
    app.call("settings.update", changes={"mode": "cloud"})
    new_chat(app)
    message = app.ask(STORY)
    assert text_of(message) == "A cloud's answer."
    expect(message.locator(".answer-line").get_by_text("Cloud", exact=True)).to_be_visible()
    expect(message.get_by_text("On this device")).to_have_count(0)
    message.locator(".answer-line").click()
    expect(message.get_by_text("19 tokens read, 10 written")).to_be_visible()
    (*_, asked) = cloud.asked("cloud")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json["messages"][-1]["content"] == STORY


def test_the_key_is_in_no_other_place(app: AppPage, cloud: VendorServer) -> None:
    """Not in the state, the page, the storage or an export; kept only when asked, and gone when deleted."""
    name = add_cloud(app, cloud, id="kept")
    app.page.goto(f"{app.url}#settings/clouds")
    expect(app.page.get_by_role("heading", name=LABEL).first).to_be_visible()
    assert where_it_is_kept(app) == []
    add_cloud(app, cloud, id=name, keepKey=True)
    assert [place for place in where_it_is_kept(app) if not place.startswith("indexedDB")] == []
    assert where_it_is_kept(app) != [], "where it was asked to be kept it can be found, so the search works"
    app.call("clouds.delete", id=name)
    assert where_it_is_kept(app) == []


def test_a_failing_cloud_is_passed_over_and_named(app: AppPage, cloud: VendorServer) -> None:
    """The device answers; the badge and the details say who could not, and why."""
    busy = add_cloud(app, cloud, "busy", label="Busy cloud")
    app.call("settings.update", changes={"mode": "auto", "policy": "cloud_first", "model": f"cloud:{busy}"})
    new_chat(app)
    message = app.ask(STORY)
    assert "fox" in text_of(message)
    expect(message.get_by_text("On this device")).to_be_visible()
    expect(message.get_by_text("Passed over:")).to_be_visible()
    message.locator(".answer-line").click()
    expect(message.get_by_role("listitem").filter(has_text=f"cloud:{busy}").first).to_contain_text("503")
    assert cloud.asked("busy")


LOCAL_ONLY: dict[str, dict[str, Any]] = {
    "the switch, with clouds only": {"settings": {"neverLeaveDevice": True, "mode": "cloud"}},
    "the switch, cloud first": {"settings": {"neverLeaveDevice": True, "mode": "auto", "policy": "cloud_first"}},
    "the switch, and the cloud chosen for all": {"settings": {"neverLeaveDevice": True, "model": "cloud:private"}},
    "the switch, and the cloud chosen for this one": {
        "settings": {"neverLeaveDevice": True, "mode": "cloud"},
        "conversation": {"model": "cloud:private"},
    },
    "only this device": {"settings": {"mode": "local", "policy": "cloud_first"}},
    "only this device, and the cloud chosen": {
        "settings": {"mode": "local"},
        "conversation": {"model": "cloud:private"},
    },
    "a private conversation, with clouds only": {"settings": {"mode": "cloud"}, "conversation": {"private": True}},
    "a private conversation with the cloud chosen": {
        "settings": {"mode": "cloud"},
        "conversation": {"private": True, "model": "cloud:private"},
    },
}


@pytest.mark.parametrize("name", LOCAL_ONLY)
def test_not_a_byte_leaves_the_device(app: AppPage, cloud: VendorServer, name: str) -> None:
    """Whatever else is set: not for the answer, an explanation, a test of the cloud, a comparison or a title."""
    add_cloud(app, cloud, id="private")
    app.call("settings.update", changes={"mode": "auto"} | LOCAL_ONLY[name]["settings"])
    before: list[Asked] = list(cloud.requests)
    conversation = app.call("conversations.create", settings=LOCAL_ONLY[name].get("conversation", {}))
    app.page.goto(f"{app.url}#chat/{conversation}")
    app.send(SECRET)
    expect(app.answers).to_have_count(1)
    message = app.answered(1)
    expect(app.page.locator("header").get_by_text("Private", exact=True)).to_be_visible()
    # It answered here, or says that it may not ask.
    here, kept = message.get_by_text("On this device"), message.get_by_text("This stays on your device")
    expect(here.or_(kept).first).to_be_visible()
    app.call("chat.explain", conversation=conversation, text=SECRET)
    app.call("chat.regenerate", conversation=conversation)
    app.answered(1)
    assert cloud.requests == before


def test_the_switch_ends_what_was_allowed(app: AppPage, cloud: VendorServer) -> None:
    """In the middle of a conversation with a cloud: the next message stays here, and the header says so."""
    add_cloud(app, cloud, id="private")
    new_chat(app)
    app.ask(STORY)
    expect(app.page.locator("header").get_by_text("Cloud only", exact=True)).to_be_visible()
    there = app.page.url
    app.page.goto(f"{app.url}#settings/privacy")
    app.page.get_by_role("switch", name="Never leave this device").check()
    before = list(cloud.requests)
    assert app.call("clouds.test", id="private")["data"]["reason"] == "private"
    app.page.goto(there)
    expect(app.page.locator("header").get_by_text("Private", exact=True)).to_be_visible()
    message = app.ask(SECRET, 2)
    expect(message.get_by_text("On this device")).to_be_visible()
    assert cloud.requests == before


# Every place of a page that keeps something, and the page itself; the key may be packed in bytes.
_FIND = """async (key) => {
  const found = [];
  // The store of the app keeps bytes as base64.
  const decoded = (text) => { try { return atob(text); } catch { return ""; } };
  const has = (value) => {
    if (typeof value === "string") return value.includes(key) || decoded(value).includes(key);
    if (value instanceof ArrayBuffer) value = new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new TextDecoder("latin1").decode(value).includes(key);
    if (value === null || typeof value !== "object") return false;
    return Object.entries(value).flat().some(has);
  };
  const note = (place, value) => { if (has(value)) found.push(place); };
  const fields = [...document.querySelectorAll("input, textarea")].map((one) => one.value);
  note("page", document.documentElement.outerHTML + fields.join());
  note("address", location.href + JSON.stringify(history.state));
  note("localStorage", JSON.stringify({ ...localStorage }));
  note("sessionStorage", JSON.stringify({ ...sessionStorage }));
  note("cookie", document.cookie);
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((resolve) => {
      indexedDB.open(name).onsuccess = (event) => resolve(event.target.result);
    });
    for (const store of db.objectStoreNames) {
      for (const how of ["getAll", "getAllKeys"]) {
        const all = await new Promise((resolve) => {
          db.transaction(store).objectStore(store)[how]().onsuccess = (event) => resolve(event.target.result);
        });
        for (const value of all) note(`indexedDB ${name} ${store}`, value);
      }
    }
    db.close();
  }
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) note(`cache ${name}`, request.url);
  }
  const walk = async (folder, path) => {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === "directory") { await walk(handle, `${path}/${name}`); continue; }
      const file = await handle.getFile();
      note(`file ${path}/${name}`, name);
      if (file.size < 2e6) note(`file ${path}/${name}`, await file.arrayBuffer());
    }
  };
  await walk(await navigator.storage.getDirectory(), "");
  return found;
}"""
