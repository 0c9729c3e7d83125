// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { Announcements } from "../../../web/app/chat/announcements.ts";
import { formatBytes, formatCost, formatDuration, formatRate } from "../../../web/app/format.ts";
import { languageNamed } from "../../../web/app/markdown/highlight.ts";
import { mendTail } from "../../../web/app/markdown/mend.ts";
import { rank } from "../../../web/app/palette/rank.ts";
import { shortcutOf } from "../../../web/app/palette/use_shortcuts.ts";
import { readNumber, readSchema } from "../../../web/app/panel/fields.ts";
import { hashOf, placeOf } from "../../../web/app/router.ts";
import { ar } from "../../../web/app/strings/ar/index.ts";
import { de } from "../../../web/app/strings/de/index.ts";
import { en } from "../../../web/app/strings/en/index.ts";
import { languageFor } from "../../../web/app/strings/index.ts";

describe("texts", () => {
  it.each([en, de, ar])("call the setting that keeps all on the device by its name", ({ conversation, settings }) => {
    for (const text of [conversation.privateForced, settings.neverForced, settings.cloudsIntro, settings.cloudsNever]) expect(text).toContain(settings.never);
  });

  it("call presets the same in the settings and in a conversation, and say du, in German", () => {
    const words = JSON.stringify(de) + (de.python?.notices.storage_lost({}) ?? "");
    expect(words).not.toContain("Voreinstellung");
    expect(words).not.toMatch(/\w+en Sie\b/);
  });
});

describe("announcements", () => {
  it("say whole sentences only, each once, and the rest at the end", () => {
    const said = new Announcements();
    expect(said.next("It is tall", false)).toBe("");
    expect(said.next("It is tall. And **old", false)).toBe("It is tall.");
    expect(said.next("It is tall. And **old**!\nBut", false)).toBe("And old!");
    expect(said.next("It is tall. And **old**!\nBut lit", true)).toBe("But lit");
    expect(said.next("It is tall. And **old**!\nBut lit", true)).toBe("");
  });

  it("do not end a sentence inside of a number, and leave the looks of a text away", () => {
    const said = new Announcements();
    expect(said.next("It is 67.5 m", false)).toBe("");
    expect(said.next("It is 67.5 m high, see [this](http://a.example).\n```py\nx\n", false)).toBe("It is 67.5 m high, see this. x");
  });

  it("begin where a continued answer goes on", () => {
    const said = new Announcements();
    said.begin("Known already. ".length);
    expect(said.next("Known already. New words.", true)).toBe("New words.");
  });
});

describe("the end of a growing answer", () => {
  it.each([
    ["**bol", "**bol**"],
    ["a **bold** b", "a **bold** b"],
    ["a *slan", "a *slan*"],
    ["a **", "a "],
    ["run `npm in", "run `npm in`"],
    ["run `", "run "],
    ["`**` and **bo", "`**` and **bo**"],
    ["see [the doc](https://exa", "see the doc"],
    ["see [the d", "see the d"],
    ["see [the doc](https://a.example) now", "see [the doc](https://a.example) now"],
    ["2 * 3 = 6", "2 * 3 = 6"],
    ["* item\n* it", "* item\n* it"],
    ["**done**\n\nand **mo", "**done**\n\nand **mo**"],
    ["```py\nx = '**", "```py\nx = '**"],
    ["", ""],
  ])("is drawn as it will probably go on: %j", (tail, expected) => {
    expect(mendTail(tail)).toBe(expected);
  });
});

describe("the palette", () => {
  const names = ["New chat", "Export as JSON", "Next exam", "Über Wien"];
  it("prefers names that begin with what was typed, then words, then letters in order", () => {
    expect(rank("ex", names, String)).toEqual(["Export as JSON", "Next exam"]);
    expect(rank("nc", names, String)).toEqual(["New chat"]);
    expect(rank("uber", names, String)).toEqual(["Über Wien"]);
    expect(rank("", names, String)).toEqual(names);
    expect(rank("q", names, String)).toEqual([]);
  });

  it("tells shortcuts from typing", () => {
    const press = { key: "k", ctrlKey: true, metaKey: false, shiftKey: false, altKey: false };
    expect(shortcutOf(press, true)).toBe("palette");
    expect(shortcutOf({ ...press, ctrlKey: false }, false)).toBeNull();
    expect(shortcutOf({ ...press, key: "O", shiftKey: true }, true)).toBe("newChat");
    expect(shortcutOf({ ...press, key: "?", ctrlKey: false, shiftKey: true }, false)).toBe("shortcuts");
    expect(shortcutOf({ ...press, key: "?", ctrlKey: false, shiftKey: true }, true)).toBeNull();
    // AltGr is Ctrl and Alt at once on Windows: it types letters.
    expect(shortcutOf({ ...press, altKey: true }, true)).toBeNull();
  });
});

describe("what a person enters", () => {
  it("is a number of the range, with a point or a comma, or nothing", () => {
    expect(readNumber("0,7", 0, 2, false)).toBe(0.7);
    expect(readNumber(" ", 0, 2, false)).toBeNull();
    for (const bad of ["3", "-1", "a", "Infinity", "0x"]) expect(readNumber(bad, 0, 2, false)).toBeUndefined();
    expect(readNumber("1.5", 0, 2, true)).toBeUndefined();
  });

  it("is a JSON object, or it says what is wrong", () => {
    expect(readSchema('{"type":"object"}')).toEqual({ type: "object" });
    expect(readSchema("")).toBeNull();
    expect(readSchema("[1]")).toMatch(/an object/);
    expect(readSchema("{")).toMatch(/JSON/);
  });
});

describe("addresses", () => {
  it("lead back to the place they came from, whatever its id contains", () => {
    for (const id of ["a", "a/b", "ü?#&", "100%"]) expect(placeOf(hashOf("chat", id, "m/1"))).toEqual({ view: "chat", id, part: "m/1" });
    expect(placeOf(hashOf("models"))).toEqual({ view: "models", id: null, part: null });
  });

  it("that are not known, or broken, are a new chat", () => {
    for (const hash of ["", "#", "#/nowhere/x", "#/chat/", "#/chat/%E0%A4%A"]) expect(placeOf(hash)).toEqual({ view: "chat", id: null, part: null });
  });
});

describe("languages", () => {
  it("are the chosen one, or the first of the browser's that the app knows", () => {
    expect(languageFor("de", ["en"])).toBe("de");
    expect(languageFor("auto", ["fr-FR", "de-AT", "en"])).toBe("de");
    expect(languageFor("auto", ["fr"])).toBe("en");
    expect(languageFor("xx", ["de"])).toBe("en");
  });

  it("have every text, and none that was forgotten in English", () => {
    const same = new Set(["appName", "greeting"]);
    const texts = (of: object, path = ""): [string, string][] =>
      Object.entries(of).flatMap(([key, value]: [string, unknown]) => (typeof value === "string" ? [[`${path}${key}`, value] as [string, string]] : typeof value === "object" && value !== null ? texts(value, `${path}${key}.`) : []));
    const german = new Map(texts(de));
    for (const [key, english] of texts(en)) {
      expect(german.get(key), key).toBeTruthy();
      // A sentence that reads the same in both was not translated; single words may.
      if (english.split(" ").length > 3 && !same.has(key)) expect(german.get(key), key).not.toBe(english);
    }
  });
});

describe("numbers", () => {
  it("read well", () => {
    expect([0, 999, 1500, 412_000_000, 2_300_000_000].map((bytes) => formatBytes(bytes, "en"))).toEqual(["0 bytes", "999 bytes", "1.5 kB", "412 MB", "2.3 GB"]);
    expect([31, 2449, 32_000, 240_000].map((ms) => formatDuration(ms, "en"))).toEqual(["31 ms", "2.4 sec", "32 sec", "4 min"]);
    expect([0, 0.00000654, 0.00042, 1.5].map((usd) => formatCost(usd, "en"))).toEqual(["$0.00", "$0.0000065", "$0.00042", "$1.50"]);
    expect([4.25, 123.4].map((rate) => formatRate(rate, "de"))).toEqual(["4,3", "123"]);
  });
});

describe("names of languages of code", () => {
  it("are found by what models write behind the fence", () => {
    expect(["py", "TypeScript", "c++", "sh", "HTML"].map(languageNamed)).toEqual(["python", "typescript", "cpp", "bash", "xml"]);
    expect(["", "klingon", "constructor", "__proto__"].map(languageNamed)).toEqual([null, null, null, null]);
  });
});
