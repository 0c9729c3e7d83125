// @vitest-environment happy-dom
import { cleanup, screen } from "@testing-library/react";
import { userEvent } from "@testing-library/user-event";
import { beforeEach, describe, expect, it } from "vitest";
import { RouteProvider } from "../../../web/app/chat/route.tsx";
import { ErrorPanel } from "../../../web/app/error_panel.tsx";
import { Header } from "../../../web/app/shell/header.tsx";
import { Notices } from "../../../web/app/shell/notices.tsx";
import { ar } from "../../../web/app/strings/ar/index.ts";
import { de } from "../../../web/app/strings/de/index.ts";
import { LanguageContext } from "../../../web/app/strings/index.ts";
import { errorIn, noticeIn, type PythonWords } from "../../../web/app/strings/python.ts";
import { completeDom, make, sampleState, show, stateWith } from "./helpers.tsx";

beforeEach(completeDom);

const error = (code: string, data: Record<string, unknown> = {}): ReturnType<typeof make<"ErrorInfo">> =>
  make("ErrorInfo", { code, title: "English title", message: "english message", remedy: "English remedy.", data });

describe("what Python says", () => {
  it("stays as it is in English", () => {
    expect(errorIn(error("timeout"), null)).toMatchObject({ title: "English title", message: "english message", remedy: "English remedy." });
    expect(noticeIn(make("Notice", { id: "n", at: 0, code: "freed", text: "Memory was short." }), null)).toBe("Memory was short.");
  });

  it("is said in the page's language, by its code and data", () => {
    expect(errorIn(error("context_exceeded", { prompt_tokens: 9000, context_window: 4096 }), de.python)).toMatchObject({
      title: "Das Gespräch ist zu lang",
      message: "Es hat etwa 9.000 Tokens, und das Modell liest höchstens 4.096.",
      inEnglish: false,
    });
    expect(errorIn(error("unavailable", { reason: "offline" }), de.python).title).toBe("Du bist offline");
    expect(errorIn(error("unavailable", { reason: "no_api", how: ["update_firefox"], version: 141, browser: "Firefox 120", cpu: true }), de.python)).toMatchObject({
      title: "Dieser Browser hat kein WebGPU",
      message: "Firefox 120 bietet hier kein WebGPU. Kleine Modelle laufen trotzdem, auf dem Prozessor.",
      remedy: "Aktualisiere Firefox auf Version 141 oder neuer.",
    });
    expect(noticeIn(make("Notice", { id: "n", at: 0, code: "freed", data: { names: ["Pocket", "Qwen"] } }), de.python)).toBe("Der Speicher war knapp, deshalb wurde freigegeben: Pocket, Qwen.");
  });

  it("of another release stays English, and is marked as that", () => {
    expect(errorIn(error("something_new"), de.python).title).toBe("English title");
    expect(errorIn(error("load_failed"), de.python)).toMatchObject({ title: "Das Modell ließ sich nicht laden", message: "english message", inEnglish: true });
  });

  it("makes a sentence of whatever the data have", () => {
    for (const words of [de.python, ar.python]) {
      if (words === null) throw new Error("no words");
      const data = [{}, { prompt_tokens: "x", retry_after_s: null, names: 3, browser: 5, how: [1, "nothing"], reason: "no_api" }];
      for (const given of data) {
        for (const code of [...Object.keys(words.errors), "unheard"]) expect(errorIn(error(code, given), words).title).not.toBe("");
        for (const code of Object.keys(words.notices)) expect(noticeIn(make("Notice", { id: "n", at: 0, code: code as keyof PythonWords["notices"], data: given }), words)).not.toBe("");
      }
      expect(errorIn(error("unavailable", { reason: "no_api", how: ["nothing"] }), words).remedy).toBe("English remedy.");
    }
  });

  it("is shown so in a panel, with the English part laid out left to right", async () => {
    await show(
      <LanguageContext value={{ code: "ar", strings: ar }}>
        <ErrorPanel error={error("load_failed")} />
      </LanguageContext>,
    );
    expect(screen.getByText(ar.python?.errors["load_failed"]?.title ?? "")).toBeTruthy();
    const english = screen.getByText("English message");
    expect([english.lang, english.dir]).toEqual(["en", "ltr"]);
  });

  it("is shown so in the menu of models, where its reason is always the same", async () => {
    const why = async (reason: string): Promise<string[]> => {
      const route = make("RouteInfo", { policy: "local_first", ranked: [make("RouteChoice", { backend: "local", where: "local", model: "pocket", reason })] });
      const { app, advance } = await show(
        <LanguageContext value={{ code: "de", strings: de }}>
          <RouteProvider conversation="c">
            <Header conversation="c" view={null} sidebarShown onSidebar={() => undefined} onSettings={() => undefined} />
          </RouteProvider>
        </LanguageContext>,
        { state: stateWith([], { route }) },
      );
      app.on("chat.explain", () => route);
      await advance();
      await userEvent.click(screen.getByRole("button", { name: "Modell: Pocket" }));
      const said = [...document.querySelectorAll(".menu-heading p")].map((line) => line.textContent);
      cleanup();
      return said;
    };
    expect(await why("on this device, and loaded")).toEqual(["Pocket würde antworten", "Auf diesem Gerät, und bereit"]);
    expect(await why("first token after 12 ms")).toEqual(["Pocket würde antworten", "First token after 12 ms"]);
  });

  it("is shown so in a notice", async () => {
    const state = { ...sampleState(), notices: [make("Notice", { id: "n", at: 0, code: "not_downloaded", text: "Qwen could not be downloaded.", data: { name: "Qwen" }, error: error("quota_exceeded") })] };
    await show(
      <LanguageContext value={{ code: "de", strings: de }}>
        <Notices />
      </LanguageContext>,
      { state },
    );
    expect(screen.getByText("Qwen ließ sich nicht herunterladen.")).toBeTruthy();
    expect(screen.getByText("Der Speicher des Browsers ist voll")).toBeTruthy();
  });
});
