// The baseline: web-llm called straight from JavaScript in a worker, with nothing of ours in between.
import { MLCEngine } from "/node_modules/@mlc-ai/web-llm/lib/index.js";

const engine = new MLCEngine();

async function load(base, folder) {
  engine.setAppConfig({
    model_list: [
      {
        model_id: "pocket",
        model: new URL(folder, base).href,
        model_lib: new URL(`${folder}pocket.wasm`, base).href,
      },
    ],
  });
  await engine.reload("pocket");
}

async function chat(prompt, maxTokens) {
  const asked = performance.now();
  let first = 0;
  let last = 0;
  let text = "";
  let usage;
  const chunks = await engine.chat.completions.create({
    messages: [{ role: "user", content: prompt }],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    max_tokens: maxTokens,
  });
  for await (const chunk of chunks) {
    const delta = chunk.choices[0]?.delta.content;
    if (delta) {
      last = performance.now();
      first ||= last;
      text += delta;
    }
    usage = chunk.usage ?? usage;
  }
  const tokens = usage.completion_tokens;
  return { text, tokens, first_token_ms: first - asked, tokens_per_s: ((tokens - 1) / (last - first)) * 1000 };
}

self.onmessage = async ({ data: { id, method, args } }) => {
  try {
    self.postMessage({ id, value: await { load, chat }[method](...args) });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
