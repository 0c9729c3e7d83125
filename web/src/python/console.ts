/** A page with only Python, for tests and experiments: `await browserllm.python(code)`. */

import { startEngine } from "../engine/start.ts";
import { unlessFramed } from "../frame.ts";
import { startPython } from "./page.ts";

unlessFramed(() => { window.browserllm = startPython(startEngine()).console; });
