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
    return <p>the new chat</p>;
  },
}));

beforeEach(completePage);

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
