/** A chat with a model that runs in this page. */

// The folder that `browserllm build` wrote; on your site perhaps "/llm/widget.js".
import { chat, getStatus } from "../../widget.js";

/** A model of the catalog, such as "Qwen3-0.6B"; null is the small one that comes with the site. */
const MODEL = null;

const $ = (id) => document.getElementById(id);
const messages = [];
let answering = null;

/** Send the text; the answer grows in the page while it arrives. */
async function ask(text) {
  messages.push({ role: "user", content: text });
  const asked = add("user", text);
  const shown = add("assistant");
  shown.setAttribute("aria-busy", "true");
  let answer = "";
  answering = new AbortController();
  draw();
  const loading = setInterval(showLoading, 200);
  try {
    const { answer: facts } = await chat(messages, {
      model: MODEL,
      signal: answering.signal,
      onToken(piece) {
        answer += piece;
        shown.textContent = answer;
        follow();
      },
      onRestart() {
        answer = ""; // another backend begins anew
      },
    });
    say(`${facts.model}, ${Math.round(facts.tokensPerS ?? 0)} tokens a second`);
  } catch (error) {
    say(error.code === "cancelled" ? "Stopped." : "");
    if (error.code !== "cancelled") add("error", [error.message, error.remedy].filter(Boolean).join("\n"));
  } finally {
    clearInterval(loading);
    shown.removeAttribute("aria-busy");
    // What arrived before a stop belongs to the conversation. A question without an answer goes back into the box.
    if (answer) messages.push({ role: "assistant", content: answer });
    else {
      messages.pop();
      asked.remove();
      shown.remove();
      $("prompt").value ||= text;
    }
    answering = null;
    draw();
    if (answer) document.dispatchEvent(new Event("answered"));
  }
}

/** What the runtime and the model need before the first word. */
function showLoading() {
  const { state, message, primaryMetric } = getStatus();
  const bar = $("progress");
  bar.hidden = state !== "loading";
  if (state !== "loading") return;
  if (primaryMetric === null) bar.removeAttribute("value");
  else bar.value = primaryMetric.value / 100;
  say(message);
}

function add(kind, text = "") {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  $("log").append(item);
  $("scroll").scrollTop = $("scroll").scrollHeight;
  return item;
}

/** Keep the end in view, unless the reader has scrolled up. */
function follow() {
  const list = $("scroll");
  if (list.scrollHeight - list.scrollTop - list.clientHeight < 80) list.scrollTop = list.scrollHeight;
}

function say(text) {
  $("status").textContent = text;
}

function draw() {
  const busy = answering !== null;
  $("send").hidden = busy;
  $("stop").hidden = !busy;
  $("clear").disabled = busy || messages.length === 0;
  $("welcome").hidden = busy || $("log").childElementCount > 0;
  if (!busy) $("progress").hidden = true;
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("prompt").value.trim();
  if (answering !== null || text === "") return;
  $("prompt").value = "";
  void ask(text);
});

$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("form").requestSubmit();
});

$("stop").addEventListener("click", () => answering?.abort());

$("clear").addEventListener("click", () => {
  messages.length = 0;
  $("log").replaceChildren();
  say("");
  draw();
  $("prompt").focus();
});
