/** A page with Python and nothing else, for tests and for trying things out: `await browserllm.python(code)`. */

import { startEngine } from "../engine/start.ts";
import { unlessFramed } from "../frame.ts";
import { startPython } from "./page.ts";

unlessFramed(() => { window.browserllm = startPython(startEngine()).console; });
