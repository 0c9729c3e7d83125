import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hasImages, MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, seeImages, textOnly, toDataUrl, type SeenImage } from "../../web/src/engine/images.ts";
import type { Message, Part } from "../../web/src/engine/options.ts";

const URL_ = "https://x.test/a.png";
const BYTES = new Uint8Array([1, 2, 255]);
const idle = new AbortController().signal;

let bitmap = { width: 2, height: 3, close: vi.fn() };
let fetched: { url: string; init: RequestInit }[] = [];

/** Answer every network request in the same way. */
function serve(answer: () => Response | Promise<Response>): void {
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    fetched.push({ url, init });
    return Promise.resolve().then(answer);
  });
}

function png(bytes: BodyInit = BYTES, headers: Record<string, string> = { "Content-Type": "image/png" }): Response {
  return new Response(bytes, { headers });
}

function saying(...content: readonly Part[]): readonly Message[] {
  return [{ role: "system", content: "a" }, { role: "user", content }];
}

beforeEach(() => {
  fetched = [];
  bitmap = { width: 2, height: 3, close: vi.fn() };
  vi.stubGlobal("createImageBitmap", () => Promise.resolve(bitmap));
});
afterEach(() => { vi.unstubAllGlobals(); });

async function seen(url: string): Promise<SeenImage> {
  const [, message] = await seeImages(saying({ type: "image", url }), idle);
  const part = typeof message?.content === "string" ? undefined : message?.content[0];
  if (part?.type !== "image") throw new Error("no image came back");
  return part;
}

describe("an image", () => {
  it("in a data: URL is decoded here, and stays the URL it was", async () => {
    const url = "data:image/webp;base64,AQL/";
    const image = await seen(url);
    expect(new Uint8Array(await image.bytes.arrayBuffer())).toEqual(BYTES);
    expect(image.bytes.type).toBe("image/webp");
    expect(await toDataUrl(image)).toBe(url);
    expect(bitmap.close).toHaveBeenCalledOnce();
  });

  it("elsewhere is fetched once, without cookies, and becomes a data: URL", async () => {
    serve(() => png(BYTES, { "Content-Type": "Image/PNG; x=y" }));
    const image = { type: "image", url: URL_ } as const;
    const [, message] = await seeImages(saying(image, { type: "text", text: "b" }, image), idle);
    expect(fetched).toMatchObject([{ url: URL_, init: { mode: "cors", credentials: "omit", referrerPolicy: "no-referrer" } }]);
    expect(message?.content).toMatchObject([image, { text: "b" }, image]);
    expect(await toDataUrl(await seen(URL_))).toBe("data:image/png;base64,AQL/");
  });

  it.each([
    ["a status", () => new Response(null, { status: 404 }), { code: "download_interrupted", data: { status: 404, url: URL_ } }],
    ["no answer", () => Promise.reject(new TypeError("CORS")), { code: "download_interrupted", data: { url: URL_ } }],
    ["another type", () => png("x", { "Content-Type": "text/html" }), { code: "invalid_request", message: expect.stringContaining("text/html") as string }],
    ["no type", () => new Response(BYTES), { code: "invalid_request", message: expect.stringContaining("no media type") as string }],
    [
      "a length over the limit",
      () => png(BYTES, { "Content-Type": "image/png", "Content-Length": String(MAX_IMAGE_BYTES + 1) }),
      { code: "invalid_request", message: expect.stringContaining(String(MAX_IMAGE_BYTES)) as string },
    ],
    ["more bytes than the limit", () => png(new Uint8Array(MAX_IMAGE_BYTES + 1)), { code: "invalid_request" }],
  ])("with %s is refused by its place", async (_, answer, error) => {
    serve(answer);
    await expect(seen(URL_)).rejects.toMatchObject(error);
    await expect(seen(URL_)).rejects.toMatchObject({ data: { parameter: "messages[1].content[0]" } });
  });

  it("that does not come in time is given up", async () => {
    const timeout = new AbortController();
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(timeout.signal);
    serve(() => {
      timeout.abort(new DOMException("late", "TimeoutError"));
      throw timeout.signal.reason;
    });
    await expect(seen(URL_)).rejects.toMatchObject({ code: "timeout", data: { url: URL_ } });
    vi.restoreAllMocks();
  });

  it("is no longer waited for after a stop", async () => {
    const stop = new AbortController();
    serve(() => {
      stop.abort(new Error("stop"));
      throw stop.signal.reason;
    });
    await expect(seeImages(saying({ type: "image", url: URL_ }), stop.signal)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("that cannot be decoded is refused", async () => {
    vi.stubGlobal("createImageBitmap", () => Promise.reject(new DOMException("not decoded", "InvalidStateError")));
    const broken = seen("data:image/png;base64,AQL/");
    await expect(broken).rejects.toMatchObject({ code: "invalid_request", data: { parameter: "messages[1].content[0]" } });
    await expect(broken).rejects.toThrow("3 bytes of image/png");
    await expect(seen("data:image/png;base64,*")).rejects.toThrow("not base64");
  });

  it("of too many pixels is refused", async () => {
    bitmap = { ...bitmap, width: MAX_IMAGE_PIXELS + 1, height: 1 };
    await expect(seen("data:image/png;base64,AQL/")).rejects.toThrow(String(MAX_IMAGE_PIXELS));
    expect(bitmap.close).toHaveBeenCalledOnce();
  });
});

describe("a model for text", () => {
  it("gets the texts of parts, and refuses an image by name", () => {
    const words = saying({ type: "text", text: "b" }, { type: "text", text: "c" });
    expect(hasImages(words)).toBe(false);
    expect(textOnly(words, "m")).toEqual([{ role: "system", content: "a" }, { role: "user", content: "bc" }]);
    const picture = saying({ type: "text", text: "b" }, { type: "image", url: URL_ });
    expect(hasImages(picture)).toBe(true);
    expect(() => textOnly(picture, "m")).toThrow(/"m" takes text only, and 'messages\[1\].content\[1\]' is an image/);
  });
});
