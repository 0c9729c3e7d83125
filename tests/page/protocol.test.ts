import { describe, expect, it } from "vitest";
import { PageError, toPageError } from "../../web/src/engine/errors.ts";
import { encode, MAX_MESSAGE_CHARS, parse } from "../../web/src/engine/protocol.ts";

function read(message: unknown): ReturnType<typeof parse> {
  return parse(typeof message === "string" ? message : JSON.stringify(message));
}

function refusal(message: unknown): { id: number | null; code: string; text: string; parameter: unknown } {
  const answer = read(message);
  if (answer.kind !== "refusal") throw new Error(`accepted: ${JSON.stringify(message)}`);
  return { id: answer.id, code: answer.error.code, text: answer.error.message, parameter: answer.error.data["parameter"] };
}

const chat = (args: object): object => ({ v: 1, id: 3, op: "chat", args: { model: "m", messages: [{ role: "user", content: "hi" }], ...args } });

describe("what is no message of the protocol", () => {
  it.each([
    ["not json", "must be JSON"],
    ["[1]", "must be a JSON object"],
    ["null", "must be a JSON object"],
    ['{"v":2,"id":1,"op":"status"}', "'v' must be 1, the protocol's version, not 2"],
    ['{"v":1,"op":"status"}', "'id' must be a whole number >= 0, not missing"],
    ['{"v":1,"id":-1,"op":"status"}', "'id' must be"],
    ['{"v":1,"id":"a","op":"status"}', "'id' must be"],
    ['{"v":1,"id":1,"op":"dance"}', `'op' must be an operation of the protocol, not "dance"`],
    ['{"v":1,"id":1,"op":"status","args":[]}', "'args' must be an object, not []"],
  ])("refuses %s and says why", (text, reason) => {
    const { code, text: message } = refusal(text);
    expect(code).toBe("protocol");
    expect(message).toContain(reason);
  });

  it("refuses a text that is too long, and what is no text, without reading it", () => {
    expect(refusal(`"${"x".repeat(MAX_MESSAGE_CHARS)}"`).text).toContain("characters");
    const binary = parse(new ArrayBuffer(2));
    expect(binary).toMatchObject({ kind: "refusal", id: null, error: { code: "protocol" } });
  });

  it("gives the request's id back where it could be read", () => {
    expect(refusal({ v: 9, id: 12, op: "status" }).id).toBe(12);
    expect(refusal({ v: 1, op: "status" }).id).toBeNull();
  });

  it("cuts a long wrong value short", () => {
    expect(refusal({ v: 1, id: 1, op: "x".repeat(500) }).text.length).toBeLessThan(200);
  });
});

describe("what a request may say", () => {
  it("reads every operation", () => {
    expect(read({ v: 1, id: 1, op: "probe", args: { refresh: true } })).toMatchObject({ request: { op: "probe", refresh: true } });
    expect(read({ v: 1, id: 1, op: "status" })).toMatchObject({ kind: "request", id: 1, request: { op: "status" } });
    expect(read({ v: 1, id: 1, op: "unload" })).toMatchObject({ request: { model: null } });
    expect(read({ v: 1, id: 1, op: "unload", args: { model: "m" } })).toMatchObject({ request: { model: "m" } });
    expect(read({ v: 1, id: 7, op: "cancel" })).toEqual({ kind: "cancel", id: 7 });
    expect(read({ v: 1, id: 1, op: "embed", args: { model: "m", input: ["a"] } })).toMatchObject({ request: { embed: { input: ["a"] } } });
    expect(read({ v: 1, id: 1, op: "count_tokens", args: { model: "m", text: "a" } })).toMatchObject({
      request: { count: { content: { text: "a" } } },
    });
    const messages = [{ role: "user", content: "a" }];
    for (const thinking of [true, false, undefined]) {
      expect(read({ v: 1, id: 1, op: "count_tokens", args: { model: "m", messages, thinking } })).toMatchObject({
        request: { count: { content: { messages, thinking } } },
      });
    }
    const load = { model: "m", engine: "webllm", device: "webgpu", artifact: { url: "u" } };
    expect(read({ v: 1, id: 1, op: "load", args: load })).toMatchObject({ request: { args: load } });
  });

  it("reads the operations on files, with their defaults", () => {
    const file = { url: "models/a.bin", cache: "webllm/model" };
    const parsed = (op: string, args: object): unknown => {
      const message = read({ v: 1, id: 1, op, args });
      if (message.kind !== "request") throw new Error(JSON.stringify(message));
      return message.request;
    };
    expect(parsed("read_file", { ...file, refresh: true })).toEqual({ op: "read_file", args: { ...file, refresh: true } });
    expect(parsed("inspect_files", { urls: ["a", "https://b.org/"] })).toEqual({ op: "inspect_files", urls: ["a", "https://b.org/"] });
    expect(parsed("download", { files: [file] })).toEqual({
      op: "download",
      args: {
        files: [{ ...file, size_bytes: null, hash: null }],
        parallel: 4,
        verify_stored: false,
        retries: 6,
        backoff_ms: 500,
        max_backoff_ms: 30_000,
        stall_ms: 30_000,
      },
    });
    const whole = { ...file, size_bytes: 5, hash: { algorithm: "md5", value: "A".repeat(32) } };
    expect(parsed("download", { files: [whole], parallel: 2, retries: 0, backoff_ms: 0 })).toMatchObject({
      args: { files: [{ size_bytes: 5, hash: { algorithm: "md5", value: "a".repeat(32) } }], parallel: 2, retries: 0, backoff_ms: 0 },
    });
    expect(parsed("delete_files", { entries: [file] })).toEqual({ op: "delete_files", args: { entries: [file], partials: [] } });
    expect(parsed("journal", { put: { k: { a: 1 } } })).toEqual({ op: "journal", args: { put: { k: { a: 1 } }, remove: [] } });
    expect(parsed("pick_files", { key: "k" })).toEqual({ op: "pick_files", args: { key: "k", prompt: "" } });
    for (const op of ["stored", "persist"]) expect(parsed(op, {})).toEqual({ op });
  });

  it("reads every chat option, and treats null as absent", () => {
    const options = {
      max_tokens: 5,
      temperature: 0,
      top_p: 0.5,
      top_k: 3,
      stop: ["a"],
      seed: 1,
      frequency_penalty: -1,
      presence_penalty: 2,
      logprobs: true,
      top_logprobs: 2,
      response_format: { type: "text" },
      thinking: false,
    };
    expect(read(chat({ ...options, logit_bias: { 5: -100 } }))).toMatchObject({
      request: { chat: { options: { ...options, logit_bias: new Map([[5, -100]]) }, unknown: [] } },
    });
    expect(read(chat({ thinking: true }))).toMatchObject({ request: { chat: { options: { thinking: true }, unknown: [] } } });
    expect(read(chat({ temperature: null, stop: null }))).toMatchObject({ request: { chat: { options: { temperature: undefined } } } });
  });

  it("reads parts, and leaves a text a text", () => {
    const parts = [
      { type: "text", text: "a" },
      { type: "image", url: "https://x.test/a.png" },
      { type: "image", url: "data:image/png;base64,AA==" },
    ];
    const messages = [{ role: "user", content: parts }, { role: "assistant", content: "b" }];
    expect(read(chat({ messages }))).toMatchObject({ request: { chat: { messages } } });
  });

  it("keeps the names of options it does not know, to warn of them", () => {
    expect(read(chat({ mirostat: 2, typical_p: null }))).toMatchObject({ request: { chat: { unknown: ["mirostat"] } } });
  });

  it.each([
    [{ model: "" }, "model"],
    [{ model: 5 }, "model"],
    [{ messages: [] }, "messages"],
    [{ messages: "hi" }, "messages"],
    [{ messages: ["hi"] }, "messages[0]"],
    [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "user", content: 1 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [] }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: Array.from({ length: 257 }, () => ({ type: "text", text: "a" })) }] }, "messages[0].content"],
    [{ messages: [{ role: "assistant", content: [{ type: "text", text: "a" }] }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [1] }] }, "messages[0].content[0]"],
    [{ messages: [{ role: "user", content: [{ type: "sound", url: "https://x.test" }] }] }, "messages[0].content[0].type"],
    [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages[0].content[0].text"],
    [{ messages: [{ role: "user", content: [{ type: "image" }] }] }, "messages[0].content[0].url"],
    [{ messages: [{ role: "user", content: [{ type: "image", url: "file:///a.png" }] }] }, "messages[0].content[0].url"],
    [{ messages: [{ role: "user", content: [{ type: "image", url: "data:image/svg+xml;base64,AA==" }] }] }, "messages[0].content[0].url"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ max_tokens: 1.5 }, "max_tokens"],
    [{ temperature: -1 }, "temperature"],
    [{ temperature: "hot" }, "temperature"],
    [{ top_p: 0 }, "top_p"],
    [{ top_p: 1.01 }, "top_p"],
    [{ frequency_penalty: 3 }, "frequency_penalty"],
    [{ stop: "x" }, "stop"],
    [{ stop: [""] }, "stop"],
    [{ seed: 0.5 }, "seed"],
    [{ logprobs: 1 }, "logprobs"],
    [{ top_logprobs: 21 }, "top_logprobs"],
    [{ logit_bias: { x: 1 } }, "logit_bias"],
    [{ logit_bias: { 1: 101 } }, "logit_bias"],
    [{ logit_bias: [] }, "logit_bias"],
    [{ response_format: "json" }, "response_format"],
    [{ thinking: "high" }, "thinking"],
    [{ thinking: 1 }, "thinking"],
  ])("refuses a chat with %j and names the parameter", (args, parameter) => {
    expect(refusal(chat(args))).toMatchObject({ id: 3, code: "invalid_request", parameter });
  });

  it.each([
    ["load", { model: "m", engine: "e", device: "tpu", artifact: {} }, "device"],
    ["load", { model: "m", engine: "e", device: "wasm" }, "artifact"],
    ["load", { model: "m", device: "wasm", artifact: {} }, "engine"],
    ["embed", { model: "m", input: [] }, "input"],
    ["embed", { model: "m", input: [5] }, "input"],
    ["count_tokens", { model: "m" }, "messages"],
    ["count_tokens", { model: "m", text: "a", messages: [{ role: "user", content: "a" }] }, "text"],
    ["count_tokens", { model: "m", messages: [{ role: "user", content: "a" }], thinking: "yes" }, "thinking"],
    ["probe", { refresh: "yes" }, "refresh"],
    ["read_file", { cache: "webllm/model" }, "url"],
    ["read_file", { url: "file:///etc/passwd", cache: "webllm/model" }, "url"],
    ["read_file", { url: "https://me:secret@host.org/a", cache: "webllm/model" }, "url"],
    ["read_file", { url: "a", cache: "other" }, "cache"],
    ["read_file", { url: "a", cache: "webllm/model", refresh: 1 }, "refresh"],
    ["inspect_files", {}, "urls"],
    ["inspect_files", { urls: ["a", "data:,x"] }, "urls[1]"],
    ["inspect_files", { urls: ["http://["] }, "urls[0]"],
    ["download", {}, "files"],
    ["download", { files: Array.from({ length: 10_001 }, () => ({})) }, "files"],
    ["download", { files: ["a"] }, "files[0]"],
    ["download", { files: [{ cache: "webllm/model" }] }, "files[0].url"],
    ["download", { files: [{ url: "a" }] }, "files[0].cache"],
    ["download", { files: [{ url: "a", cache: "webllm/model", size_bytes: -1 }] }, "files[0].size_bytes"],
    ["download", { files: [{ url: "a", cache: "webllm/model", hash: "abc" }] }, "files[0].hash"],
    ["download", { files: [{ url: "a", cache: "webllm/model", hash: { algorithm: "sha1", value: "a" } }] }, "files[0].hash.algorithm"],
    ["download", { files: [{ url: "a", cache: "webllm/model", hash: { algorithm: "md5", value: "a" } }] }, "files[0].hash.value"],
    ["download", { files: [{ url: "a", cache: "webllm/model", hash: { algorithm: "md5", value: "x".repeat(32) } }] }, "files[0].hash.value"],
    ["download", { files: [], parallel: 0 }, "parallel"],
    ["download", { files: [], parallel: 17 }, "parallel"],
    ["download", { files: [], retries: -1 }, "retries"],
    ["download", { files: [], retries: 1.5 }, "retries"],
    ["download", { files: [], backoff_ms: -1 }, "backoff_ms"],
    ["download", { files: [], max_backoff_ms: "long" }, "max_backoff_ms"],
    ["download", { files: [], stall_ms: 0 }, "stall_ms"],
    ["download", { files: [], verify_stored: 1 }, "verify_stored"],
    ["delete_files", { entries: [{ url: "a", cache: "b" }] }, "entries[0].cache"],
    ["delete_files", { partials: [5] }, "partials[0]"],
    ["journal", { put: { k: 5 } }, "put.k"],
    ["journal", { put: { "": {} } }, "put"],
    ["journal", { remove: [5] }, "remove[0]"],
    ["pick_files", {}, "key"],
    ["pick_files", { key: "x".repeat(513) }, "key"],
    ["pick_files", { key: "k", prompt: 5 }, "prompt"],
  ])("refuses %s with %j", (op, args, parameter) => {
    expect(refusal({ v: 1, id: 3, op, args })).toMatchObject({ code: "invalid_request", parameter });
  });

  it("is not fooled by names that every object has", () => {
    expect(refusal({ v: 1, id: 1, op: "chat", args: { messages: [{ role: "user", content: "a" }], toString: 1 } }).parameter).toBe("model");
  });
});

describe("errors on their way out", () => {
  it("keep their code, message and data", () => {
    const error = new PageError("context_exceeded", "too long", { prompt_tokens: 5 });
    expect(toPageError(error)).toBe(error);
    expect(error.body()).toEqual({ code: "context_exceeded", message: "too long", data: { prompt_tokens: 5 } });
  });

  it("are internal, with their name, when they are unknown", () => {
    expect(toPageError(new RangeError("boom")).body()).toEqual({ code: "internal", message: "RangeError: boom", data: { name: "RangeError" } });
    expect(toPageError("boom").message).toBe("string: boom");
  });

  it("say that storage is full", () => {
    expect(toPageError(new DOMException("no room", "QuotaExceededError")).code).toBe("quota_exceeded");
  });

  it("carry the protocol's version", () => {
    expect(JSON.parse(encode({ type: "hello", data: {} }))).toEqual({ v: 1, type: "hello", data: {} });
  });
});
