/** An agent with tools and approvals: the session is Amplifier's, its Python and its model are in this page. */

// The built site has this folder as examples/agent/.
import { AmplifierWeb } from "../../amplifier.js";
// main.py reads the same one.
import bundle from "./bundle.json" with { type: "json" };

const $ = (id) => document.getElementById(id);
const log = $("log");

const agent = new AmplifierWeb({
  systemPrompt: bundle.system,
  builtinTools: bundle.tools,
  tools: [
    {
      name: "clock",
      description: "Tell the time of day.",
      schema: { type: "object", properties: {} },
      execute: () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    },
  ],
  ask: ["*"],
  maxTokens: bundle.settings.max_tokens,
  temperature: bundle.settings.temperature,
  maxIterations: bundle.max_iterations,
  offline: true,
  onProgress: ({ stage, text, fraction }) => {
    $("status").textContent = stage === "ready" ? `Ready: ${agent.model ?? "a cloud"} answers.` : `Starting … ${text}`;
    $("progress").hidden = stage === "ready";
    if (fraction === null) $("progress").removeAttribute("value");
    else $("progress").value = fraction;
  },
  onApproval: askUser,
  onEvent: showEvent,
});

/** Where the agent's words go now: a tool call ends the one before. */
let words = null;
const calls = new Map();

function add(kind, text = "") {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  log.append(item);
  item.scrollIntoView({ block: "nearest" });
  return item;
}

function showEvent(event) {
  if (event.type === "text") (words ??= add("agent")).append(event.text);
  else if (event.type === "restart") words?.replaceChildren();
  else if (event.type === "tool-call") {
    words = null;
    const card = add("tool");
    const code = document.createElement("code");
    code.textContent = `${event.name}(${JSON.stringify(event.arguments)})`;
    card.append("Tool ", code);
    calls.set(event.id, card);
  } else if (event.type === "tool-result") {
    const result = document.createElement("div");
    result.className = "result";
    const output = typeof event.output === "string" ? event.output : JSON.stringify(event.output);
    result.textContent = event.error === null ? `Result: ${output}` : `No result: ${event.error}`;
    calls.get(event.id)?.append(result);
  }
}

/** Two buttons in the card of the call. Resolves with the user's decision. */
function askUser({ callId, signal }) {
  const card = calls.get(callId);
  const row = document.createElement("div");
  row.className = "buttons";
  card.append(row);
  return new Promise((resolve) => {
    const decide = (allowed) => {
      row.remove();
      resolve(allowed);
    };
    for (const [text, allowed] of [["Allow", true], ["Deny", false]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = text.toLowerCase();
      button.textContent = text;
      button.addEventListener("click", () => decide(allowed));
      row.append(button);
    }
    row.firstElementChild.focus();
    card.scrollIntoView({ block: "nearest" });
    signal.addEventListener("abort", () => decide(false));
  });
}

function enable(ready, running) {
  for (const id of ["prompt", "send", "clear"]) $(id).disabled = !ready || running;
  $("cancel").disabled = !running;
}

function showError({ message, suggestion }) {
  add("error", [message, suggestion].filter(Boolean).join("\n"));
}

$("start").addEventListener("click", async () => {
  $("start").disabled = true;
  $("progress").hidden = false;
  try {
    await agent.init();
    $("start").hidden = true;
    enable(true, false);
    $("prompt").focus();
  } catch (error) {
    showError(error);
    $("start").disabled = false;
    $("progress").hidden = true;
  }
});

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const prompt = $("prompt").value.trim();
  if (prompt === "") return;
  add("user", prompt);
  $("prompt").value = "";
  $("status").textContent = "The agent works …";
  words = null;
  enable(true, true);
  try {
    await agent.execute(prompt);
    const { inputTokens, outputTokens } = agent.lastAnswer;
    $("status").textContent = `${inputTokens} tokens read, ${outputTokens} written, on this device.`;
  } catch (error) {
    if (error.code === "cancelled") $("status").textContent = "Cancelled.";
    else {
      $("status").textContent = "That did not work.";
      showError(error);
    }
  } finally {
    enable(true, false);
    $("prompt").focus();
  }
});

// Enter sends, Shift and Enter begin a new line.
$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("form").requestSubmit();
});

$("cancel").addEventListener("click", () => agent.cancel());

$("clear").addEventListener("click", async () => {
  await agent.clearHistory();
  log.replaceChildren();
  $("status").textContent = "The agent has forgotten this conversation.";
});

// For the browser's console, and for tests.
window.agent = agent;
