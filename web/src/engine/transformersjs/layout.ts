/**
 * Where Transformers.js 4.3.1 keeps a model's files: `transformers-cache` (`env.cacheKey`), keyed by the remote URL, which is
 * `env.remoteHost` + `env.remotePathTemplate` + file name: with our engine, the folder's URL and the name. It reads config.json,
 * tokenizer_config.json, tokenizer.json, onnx/*.onnx with its *.onnx_data, and, where it exists, generation_config.json.
 * `Content-Length` of a cached Response is taken for the body's size.
 */

import type { FileLayout } from "../files/layout.ts";

const CACHE = "transformers-cache";
const NETWORK = /\.onnx(?:_data(?:_\d+)?)?$/;
/** At the folder's top: configuration, tokenizer, chat template. */
const TEXT = /^[^/]+\.(?:json|jinja|txt)$/;
/** What lies in a folder for other engines too. */
const FOREIGN: ReadonlySet<string> = new Set(["mlc-chat-config.json", "mlc-model-manifest.json", "tensor-cache.json", "ndarray-cache.json"]);

export const transformersJsLayout: FileLayout = {
  caches: [CACHE],
  needs: "Transformers.js needs config.json and .onnx files",
  place: (files) => {
    const names = [...files.keys()];
    const networks = names.filter((name) => NETWORK.test(name));
    if (!files.has("config.json") || networks.length === 0) return Promise.resolve([]);
    const texts = names.filter((name) => TEXT.test(name) && !FOREIGN.has(name));
    // It looks for networks in onnx/ alone; files picked one by one, or in a flat folder, have no such path.
    const placed = networks.map((from) => ({ cache: CACHE, name: from.includes("/") ? from : `onnx/${from}`, from }));
    return Promise.resolve([...texts.map((name) => ({ cache: CACHE, name })), ...placed]);
  },
};
