/** The models of this device: which fit, downloads that are paused and go on, what is loaded, what the storage holds. */

// The folder that `browserllm build` wrote; on your site perhaps "/llm/widget.js".
import { getAvailableModels, getStatus, localLLM } from "../../widget.js";

const $ = (id) => document.getElementById(id);
const { client } = localLLM(); // all actions of the app, and its state

/** The row of each model, with what it shows now. */
const rows = new Map();

/** Where a model is on its way, and what can be done there: an action of the app, and the button's text. */
function situation(model) {
  const { downloads, loading, loaded } = client.getState();
  const download = downloads[model.id];
  if (loaded.some((one) => one.model === model.id)) return { text: "in memory", buttons: [["models.unload", "Unload"]] };
  if (download) {
    const { receivedBytes, totalBytes, state, error } = download;
    const stopped = state === "paused" || state === "failed";
    const text = `${state}: ${megabytes(receivedBytes)} of ${megabytes(totalBytes)}`;
    const move = stopped ? ["models.resume", "Resume"] : ["models.pause", "Pause"];
    return { text: error ? `${text}. ${error.message}` : text, fraction: totalBytes ? receivedBytes / totalBytes : undefined, buttons: [move, ["models.cancel", "Cancel"]] };
  }
  if (loading?.model === model.id) return { text: "loading", fraction: loading.fraction ?? undefined, buttons: [] };
  if (!model.downloaded && !model.bundled) return { text: "", buttons: [["models.download", `Download ${megabytes(model.downloadBytes)}`]] };
  const free = model.storedBytes > 0 ? [["models.delete", "Delete"]] : [];
  return { text: model.storedBytes > 0 ? `${megabytes(model.storedBytes)} on the disk` : "", buttons: [["models.load", "Load"], ...free] };
}

/** Show the state. Only what differs is touched, so that a button keeps the focus while bytes arrive. */
function draw() {
  const { models, downloads, storage } = client.getState();
  const wanted = Object.values(models).filter(({ type, fit, id }) => type === "chat" && (fit !== "no" || downloads[id]));
  for (const model of wanted) {
    const row = rows.get(model.id) ?? addRow(model);
    const here = model.downloaded || model.bundled || downloads[model.id] !== undefined;
    const list = $(here ? "here-list" : model.tier ? "fits-list" : "others-list");
    const had = row.contains(document.activeElement);
    if (row.parentElement !== list) list.append(row);
    const { text, fraction, buttons } = situation(model);
    row.querySelector(".now").textContent = text;
    const bar = row.querySelector("progress");
    bar.hidden = fraction === undefined;
    bar.value = fraction ?? 0;
    const place = row.querySelector(".buttons");
    const key = JSON.stringify(buttons);
    if (place.dataset.shown !== key) {
      place.dataset.shown = key;
      place.replaceChildren(...buttons.map(([action, label]) => button(action, label, model)));
    }
    if (had && !row.contains(document.activeElement)) row.querySelector("button")?.focus();
  }
  for (const [id, row] of rows) {
    if (wanted.some((model) => model.id === id)) continue;
    row.remove();
    rows.delete(id);
  }
  const free = storage.quotaBytes === null || storage.usedBytes === null ? "" : `, ${megabytes(storage.quotaBytes - storage.usedBytes)} are free`;
  $("status").textContent = `Models take ${megabytes(storage.modelsBytes)}${free}.`;
}

function addRow({ id, name, parameters, license, tier, fit, reasons }) {
  const row = document.createElement("li");
  const size = parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)} billion` : `${(parameters / 1e6).toPrecision(3)} million`;
  const facts = [parameters && `${size} parameters`, license, fit === "tight" && reasons[0]].filter(Boolean);
  for (const [tag, kind, text] of [["h3", "name", name], ["p", "facts", facts.join(" · ")], ["p", "now", ""], ["progress", "bar", ""], ["div", "buttons", ""]]) {
    const part = document.createElement(tag);
    part.className = kind;
    part.textContent = text;
    row.append(part);
  }
  row.querySelector("progress").ariaLabel = name;
  if (tier) row.querySelector("h3").append(Object.assign(document.createElement("small"), { textContent: tier }));
  rows.set(id, row);
  return row;
}

function button(action, label, { id, name }) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.ariaLabel = `${label}: ${name}`;
  made.addEventListener("click", () => attempt(() => client.call(action, action === "models.cancel" ? { model: id, delete: true } : { model: id })));
  return made;
}

/** Do something; what goes wrong is shown, with what to do about it. */
async function attempt(work) {
  $("problem").hidden = true;
  try {
    await work();
  } catch (error) {
    if (error.code === "cancelled") return;
    $("problem").textContent = [error.message, error.remedy].filter(Boolean).join(" ");
    $("problem").hidden = false;
  }
}

function megabytes(bytes) {
  if (bytes === null) return "?";
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  void attempt(async () => {
    await client.call("models.add", { source: $("address").value });
    $("add").reset();
  });
});

const starting = setInterval(() => ($("status").textContent = getStatus().message), 200);
await attempt(async () => {
  await getAvailableModels(); // starts the app
  $("main").hidden = false;
  client.subscribe(draw);
  clearInterval(starting);
  draw();
});
clearInterval(starting);
