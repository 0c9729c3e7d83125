/** Two chats as their libraries' documents write them: only the transport and the connection are ours. */

import { useChat } from "@ai-sdk/react";
import { connect } from "@browserllm/react";
import { BrowserLLMChatTransport, type BrowserLLMMetadata } from "@browserllm/react/ai-sdk";
import { browserllmConnection } from "@browserllm/react/tanstack";
import { useChat as useTanStackChat } from "@tanstack/ai-react";
import type { UIMessage } from "ai";
import { type JSX, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

const client = connect({ base: "/llm/" });
const settings = { maxTokens: 60, temperature: 0 };
const transport = new BrowserLLMChatTransport({ client, settings });
const connection = browserllmConnection({ client, settings });

function AISDK(): JSX.Element {
  const { messages, sendMessage, status, stop, regenerate, error } = useChat<UIMessage<BrowserLLMMetadata>>({ transport });
  return (
    <Chat name="AI SDK" status={status} error={error} onSend={(text) => void sendMessage({ text })} onStop={() => void stop()} onAgain={() => void regenerate()}>
      {messages.map(({ id, role, parts, metadata }) => (
        <article key={id} aria-label={role} title={metadata?.answer.model ?? ""}>
          {parts.map((part, index) => (part.type === "text" ? <p key={index}>{part.text}</p> : null))}
        </article>
      ))}
    </Chat>
  );
}

function TanStack(): JSX.Element {
  const { messages, sendMessage, status, stop, reload, error } = useTanStackChat({ connection });
  return (
    <Chat name="TanStack AI" status={status} error={error} onSend={(text) => void sendMessage(text)} onStop={stop} onAgain={() => void reload()}>
      {messages.map(({ id, role, parts }) => (
        <article key={id} aria-label={role}>
          {parts.map((part, index) => (part.type === "text" ? <p key={index}>{part.content}</p> : null))}
        </article>
      ))}
    </Chat>
  );
}

interface ChatProps {
  readonly name: string;
  readonly status: string;
  readonly error: Error | undefined;
  readonly children: JSX.Element[];
  readonly onSend: (text: string) => void;
  readonly onStop: () => void;
  readonly onAgain: () => void;
}

function Chat({ name, status, error, children, onSend, onStop, onAgain }: ChatProps): JSX.Element {
  const [text, setText] = useState("");
  return (
    <section aria-label={name}>
      {children}
      <output>{error ? error.message : status}</output>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSend(text);
          setText("");
        }}
      >
        <input aria-label="Message" value={text} onChange={(event) => { setText(event.target.value); }} />
      </form>
      <button type="button" onClick={onStop}>
        Stop
      </button>
      <button type="button" onClick={onAgain}>
        Again
      </button>
    </section>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <AISDK />
      <TanStack />
    </StrictMode>,
  );
}
