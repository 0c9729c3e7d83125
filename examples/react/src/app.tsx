/** A chat with a model that runs in this browser: the hooks of @browserllm/react, and nothing else. */

import { BrowserLLMProvider, type UIMessage, useChat, useConnection, useModels } from "@browserllm/react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef } from "react";

/** The folder that `browserllm build public/llm` wrote. */
const BASE: string = import.meta.env.VITE_LLM ?? "/llm/";

export function App() {
  return (
    <BrowserLLMProvider base={BASE}>
      <header>
        <h1>A chat in React</h1>
        <Models />
      </header>
      <Start />
      <Chat />
    </BrowserLLMProvider>
  );
}

/** What is going on before the app answers. Messages may be sent already: they wait. */
function Start() {
  const { status, boot, error, retry } = useConnection();
  if (status === "ready") return null;
  if (status === "connecting") return <Bar label={boot?.text ?? "Starting"} value={boot?.fraction ?? null} />;
  return (
    <p role="alert">
      {error?.message} {error?.remedy} <button onClick={retry}>Try again</button>
    </p>
  );
}

/** The models for this device. Choosing one loads it, after a download if it is not here yet. */
function Models() {
  const { models, downloads, loading, loaded, load, cancel, error } = useModels();
  const offered = models.filter(({ type, fit, downloaded, bundled, tier }) => type === "chat" && fit !== "no" && (downloaded || bundled || tier !== null));
  const download = Object.values(downloads).find(({ state }) => state !== "failed");
  return (
    <div className="models">
      <select aria-label="Model" value={download?.model ?? loading?.model ?? loaded[0]?.model ?? ""} onChange={(event) => void load(event.target.value)}>
        <option value="" disabled>
          No model is loaded
        </option>
        {offered.map(({ id, name, downloaded, bundled, downloadBytes }) => (
          <option key={id} value={id}>
            {downloaded || bundled ? name : `${name} (download ${megabytes(downloadBytes)})`}
          </option>
        ))}
      </select>
      {download && (
        <>
          <Bar label={`${megabytes(download.receivedBytes)} of ${megabytes(download.totalBytes)}`} value={download.totalBytes && download.receivedBytes / download.totalBytes} />
          <button onClick={() => void cancel(download.model)}>Cancel</button>
        </>
      )}
      {!download && loading && <Bar label="Loading" value={loading.fraction} />}
      {error && <p role="alert">{error.message} {error.remedy}</p>}
    </div>
  );
}

function Chat() {
  const { messages, status, sendMessage, stop, error } = useChat({ keep: false });
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => { end.current?.scrollIntoView({ block: "end" }); }, [messages]);
  const busy = status === "submitted" || status === "streaming";
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void sendMessage(String(new FormData(event.currentTarget).get("text")));
    event.currentTarget.reset();
  };
  return (
    <>
      <main aria-label="Conversation">
        {messages.length === 0 && <p className="welcome">Ask something. The model runs in this page, on your device.</p>}
        {messages.map((message) => (
          <Message key={message.id} message={message} />
        ))}
        {error && <p role="alert">{error.message} {error.remedy}</p>}
        <div ref={end} />
      </main>
      <form onSubmit={send}>
        <textarea name="text" rows={1} aria-label="Message" placeholder="Message" required onKeyDown={sendOnEnter} />
        {busy ? <button type="button" onClick={() => void stop()}>Stop</button> : <button className="primary">Send</button>}
      </form>
    </>
  );
}

function Message({ message: { role, parts, metadata } }: { message: UIMessage }) {
  const answer = metadata?.answer;
  return (
    <article aria-label={role} className={role}>
      {parts.map((part, index) => (part.type === "text" ? <p key={index}>{part.text}</p> : null))}
      {metadata?.status === "stopped" ? (
        <small>Stopped</small>
      ) : (
        answer && <small>{answer.model}, {Math.round(answer.tokensPerS ?? 0)} tokens a second</small>
      )}
    </article>
  );
}

function Bar({ label, value }: { label: string; value: number | null }) {
  return (
    <label className="bar">
      {label} <progress value={value ?? undefined} />
    </label>
  );
}

function sendOnEnter(event: KeyboardEvent<HTMLTextAreaElement>) {
  if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
  event.preventDefault();
  event.currentTarget.form?.requestSubmit();
}

function megabytes(bytes: number | null) {
  return bytes === null ? "?" : `${Math.round(bytes / 1e6)} MB`;
}
