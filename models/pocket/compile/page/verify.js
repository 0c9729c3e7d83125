// What verify.py drives: load the model with WebLLM, chat, and record every token fed and every logit that comes out.
import * as webllm from "/web-llm.js";

const MODEL = "pocket";
const appConfig = {
  model_list: [
    {
      model: `${location.origin}/models/pocket`,
      model_id: MODEL,
      model_lib: `${location.origin}/models/pocket/resolve/main/pocket.wasm`,
    },
  ],
};

// Sees the raw logits of every step before sampling. `stopAfter` then forces the end of the turn, so that a model that
// knows no end can still hold a conversation. `repeatFirst` samples every token from the first step's logits.
class Recorder {
  steps = [];
  stopAfter = Infinity;
  stopToken = 0;
  repeatFirst = false;

  processLogits(logits) {
    this.steps.push({ logits: Float32Array.from(logits), token: -1 });
    if (this.repeatFirst) logits.set(this.steps[0].logits);
    if (this.steps.length > this.stopAfter) {
      logits.fill(-1e9);
      logits[this.stopToken] = 1e9;
    }
    return logits;
  }
  processSampledToken(token) {
    this.steps.at(-1).token = token;
  }
  resetState() {}
}

const recorder = new Recorder();
const fed = [];
let engine;

function base64(floats) {
  const bytes = new Uint8Array(floats.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

async function load({ record = false, worker = false } = {}) {
  const start = performance.now();
  const options = { appConfig, logLevel: "WARN" };
  if (worker) {
    const thread = new Worker("worker.js", { type: "module" });
    engine = await webllm.CreateWebWorkerMLCEngine(thread, MODEL, options);
  } else {
    if (record) options.logitProcessorRegistry = new Map([[MODEL, recorder]]);
    engine = await webllm.CreateMLCEngine(MODEL, options);
    // Every token that enters the KV cache passes here.
    const pipeline = engine.loadedModelIdToPipeline.get(MODEL);
    const embed = pipeline.getTokensEmbeddings.bind(pipeline);
    pipeline.getTokensEmbeddings = (tokens) => {
      fed.push([...tokens]);
      return embed(tokens);
    };
  }
  return (performance.now() - start) / 1000;
}

async function chat(request, { stopAfter = null, stopToken = 0, repeatFirst = false, logits = false } = {}) {
  recorder.steps = [];
  recorder.stopAfter = stopAfter ?? Infinity;
  recorder.stopToken = stopToken;
  recorder.repeatFirst = repeatFirst;
  fed.length = 0;
  const stream = await engine.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  const result = { text: "", chunks: 0, usage: null, finish: null, logprobs: [] };
  for await (const chunk of stream) {
    if (chunk.usage) result.usage = chunk.usage;
    const choice = chunk.choices[0];
    if (!choice) continue;
    result.text += choice.delta.content ?? "";
    result.chunks += 1;
    result.finish = choice.finish_reason ?? result.finish;
    if (choice.logprobs?.content) result.logprobs.push(...choice.logprobs.content);
  }
  result.fed = fed.map((tokens) => [...tokens]);
  result.tokens = recorder.steps.map((step) => step.token);
  if (logits) result.logits = recorder.steps.map((step) => base64(step.logits));
  return result;
}

// Stop after a few chunks, drain, and say how many came after the order.
async function interrupt(request, after) {
  const stream = await engine.chat.completions.create({ ...request, stream: true });
  const result = { before: 0, later: 0, finish: null };
  for await (const chunk of stream) {
    if (result.before >= after) result.later += 1;
    else if (++result.before === after) await engine.interruptGenerate();
    result.finish = chunk.choices[0]?.finish_reason ?? result.finish;
  }
  return result;
}

async function adapter() {
  const { vendor, architecture, device, description } = (await navigator.gpu.requestAdapter()).info;
  return { vendor, architecture, device, description };
}

window.pocket = {
  load,
  chat,
  interrupt,
  adapter,
  resetChat: () => engine.resetChat(),
  unload: () => engine.unload(),
  reload: async () => {
    const start = performance.now();
    await engine.reload(MODEL);
    return (performance.now() - start) / 1000;
  },
};
