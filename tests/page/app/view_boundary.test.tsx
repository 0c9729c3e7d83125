// @vitest-environment happy-dom
/** A view that cannot be drawn does not take the others away. */

import { act, fireEvent, screen } from "@testing-library/react";
import type { JSX } from "react";
import { beforeEach, expect, test, vi } from "vitest";
import { Shell } from "../../../web/app/shell/shell.tsx";
import { LanguageContext } from "../../../web/app/strings/index.ts";
import { de } from "../../../web/app/strings/de/index.ts";
import { show, stateWith } from "./helpers.tsx";
import { completePage } from "./views.tsx";

vi.mock("../../../web/app/chat/chat.tsx", () => ({
  Chat: ({ id }: { id: string | null }): JSX.Element => {
    if (id === "c") throw new Error("a mistake in the view");
    const notFetched = NOT_FETCHED[Number(id)];
    if (id !== null && notFetched !== undefined) throw new TypeError(notFetched);
    return <p>the new chat</p>;
  },
}));

const NOT_FETCHED = vi.hoisted(() => [
  "Failed to fetch dynamically imported module: https://site.test/assets/models-BYUBIlfr.js",
  "error loading dynamically imported module: https://site.test/assets/models-BYUBIlfr.js",
  "Importing a module script failed.",
  "Unable to preload CSS for https://site.test/assets/sides-C3SMMsAa.css",
]);

beforeEach(completePage);

test.each([...NOT_FETCHED.keys()])("a part of the app that cannot be fetched is named with the way out (browser %i)", async (browser) => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  location.hash = `#chat/${browser}`;
  await show(<LanguageContext value={{ code: "de", strings: de }}><Shell /></LanguageContext>, { state: stateWith([]) });
  const panel = screen.getByRole("group", { name: "Das hat nicht geklappt" });
  expect(panel.textContent).toContain(de.problems.partNotFetched);
  expect(panel.textContent).toContain("Seite neu laden");
  expect(panel.textContent).not.toContain("site.test");
});

test("a view that fails says so, and another address works again", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  location.hash = "#chat/c";
  await show(<Shell />, { state: stateWith([]) });
  expect(screen.getByRole("group", { name: "That did not work" }).textContent).toContain("mistake in the view");
  expect(screen.getByRole("button", { name: /reload/i })).toBeTruthy();
  const main = screen.getByRole("main");
  fireEvent.click([...main.querySelectorAll("button")].at(-1) as HTMLElement);
  act(() => { dispatchEvent(new HashChangeEvent("hashchange")); });
  expect(screen.getByText("the new chat")).toBeTruthy();
});

test("what happened is said in the language of the page", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  location.hash = "#chat/c";
  await show(<LanguageContext value={{ code: "de", strings: de }}><Shell /></LanguageContext>, { state: stateWith([]) });
  const panel = screen.getByRole("group", { name: "Das hat nicht geklappt" });
  expect(panel.textContent).toContain("Seite neu laden");
});
