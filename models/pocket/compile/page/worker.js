// The engine of the web worker test.
import { WebWorkerMLCEngineHandler } from "/web-llm.js";

const handler = new WebWorkerMLCEngineHandler();
self.onmessage = (message) => handler.onmessage(message);
