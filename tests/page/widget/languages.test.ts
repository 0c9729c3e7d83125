// @vitest-environment happy-dom
/** The widget speaks the language of the page: English at once, others once their file is there. */

import { afterEach, expect, test, vi } from "vitest";
import { scriptedError } from "@browserllm/react/testing";
import { setWidgetLanguages, type WidgetLanguage, WidgetLanguages } from "../../../web/widget/languages.ts";
import { TEXTS } from "../../../web/widget/texts.ts";
import { button, buttons, fakeClock, part, site, widget, words } from "./helpers.ts";

fakeClock();

const fromSource = (code: string): Promise<WidgetLanguage> => import(`../../../web/widget/languages/${code}.ts`) as Promise<WidgetLanguage>;

afterEach(() => {
  document.documentElement.removeAttribute("lang");
  setWidgetLanguages(new WidgetLanguages());
});

/** Let the file of a language arrive. */
async function arrived(element: Element, text: string): Promise<void> {
  await vi.waitFor(() => { expect(element.shadowRoot?.textContent).toContain(text); });
}

test.each(["de", "ar"])("every text of English is there, and none that is not: %s", async (code) => {
  const { texts } = await fromSource(code);
  expect(Object.keys(texts)).toEqual(Object.keys(TEXTS));
  expect(Object.values(texts).filter((text) => text === "")).toEqual([]);
  for (const key of ["unknownText", "unknownRemedy"] as const) expect(texts[key].match(/\{\w+\}/g)).toEqual(TEXTS[key].match(/\{\w+\}/g));
});

test("on an Arabic page it is Arabic and runs from right to left, errors of Python included", async () => {
  const load = vi.fn(fromSource);
  setWidgetLanguages(new WidgetLanguages(load));
  document.documentElement.lang = "ar-EG";
  const { src, app } = site({ on: { "models.load": () => { throw scriptedError({ code: "out_of_memory", title: "Not enough memory", message: "the GPU has no room", remedy: "Close other tabs." }); } } });
  const { element } = widget(src);
  expect(buttons(element)).toEqual(["Start"]); // until the file is there
  expect(part(element, "box").dir).toBe("");
  await arrived(element, "لا يُحمَّل شيء قبل أن تبدأ.");
  expect(part(element, "box").dir).toBe("rtl");
  expect(words(element, "state")).toBe("متوقف");
  button(element, "بدء").click();
  await app.advance(1000);
  expect([words(element, "error-title"), words(element, "error-message"), words(element, "error-remedy")]).toEqual(["الذاكرة غير كافية", "The GPU has no room.", "أغلق علامات تبويب أو برامج أخرى تستخدم معالج الرسوميات، أو استخدم نموذجًا أصغر."]);
  expect(element.getStatus().message).toBe("الذاكرة غير كافية");
  widget(src);
  expect(load.mock.calls).toEqual([["ar"]]); // once for all widgets
});

test("an unknown model is told in the language of the page", async () => {
  setWidgetLanguages(new WidgetLanguages(fromSource));
  const { src, app } = site();
  const { element } = widget(src, { lang: "de", model: "nonsense" });
  await arrived(element, "Start lädt, was ein Modell zum Laufen braucht");
  button(element, "Start").click();
  await app.advance(1000);
  await app.advance(1000);
  expect(words(element, "error-message")).toBe("Kein Modell beginnt mit „nonsense“, oder mehrere.");
  expect(words(element, "error-remedy")).toContain("pocket, small, large");
});

test("a page's own words come before those of the language", async () => {
  setWidgetLanguages(new WidgetLanguages(fromSource));
  const { src } = site();
  const { element } = widget(src, { lang: "de" });
  element.texts = { start: "Los" };
  await arrived(element, "Nichts wird geladen");
  expect(buttons(element)).toEqual(["Los"]);
  expect(element.texts.cancel).toBe("Abbrechen");
});

test("a language whose file is not there, and one that there is none of, stay English, and are asked for once", async () => {
  const load = vi.fn(() => Promise.reject<WidgetLanguage>(new Error("404")));
  setWidgetLanguages(new WidgetLanguages(load));
  const { src } = site();
  for (const lang of ["de", "de", "fr"]) {
    const { element } = widget(src, { lang });
    await Promise.resolve();
    expect(buttons(element)).toEqual(["Start"]);
    expect(part(element, "box").dir).toBe("");
  }
  expect(load).toHaveBeenCalledTimes(1);
});
