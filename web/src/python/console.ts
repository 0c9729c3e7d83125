/** A page with Python and nothing else, for tests and for the curious: `await browserllm.python(code)`. */

import { startEngine } from "../engine/start.ts";
import { startPython } from "./page.ts";

window.browserllm = startPython(startEngine()).console;
