// @vitest-environment happy-dom
/** Addresses with names that every object inherits are addresses of conversations that are not there. */

import { beforeEach, expect, test, vi } from "vitest";
import { Shell } from "../../../web/app/shell/shell.tsx";
import { show, stateWith } from "./helpers.tsx";
import { completePage } from "./views.tsx";

beforeEach(completePage);

test.each(["constructor", "__proto__", "toString"])("#chat/%s draws the app", async (id) => {
  const complaint = vi.spyOn(console, "error").mockImplementation(() => undefined);
  location.hash = `#chat/${id}`;
  const { container } = await show(<Shell />, { state: stateWith([]) });
  expect(container.querySelector("header")).not.toBeNull();
  expect(container.textContent).not.toContain("Cannot read properties");
  complaint.mockRestore();
});
