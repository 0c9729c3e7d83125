/** Asks the user for a folder. Browsers open their chooser only after a click. */

import type { PickedFolder } from "./messages.ts";

const DEFAULT_PROMPT = "Choose the folder of the model.";

/** Show the dialog until the user answers. Resolves with null if the user cancels, or when `over` fires. */
export function askForFolder(prompt: string, over: AbortSignal): Promise<PickedFolder | null> {
  const { dialog, choose, cancel, input } = makeDialog(prompt === "" ? DEFAULT_PROMPT : prompt);
  return new Promise((resolve) => {
    const end = (folder: PickedFolder | null): void => {
      dialog.close();
      dialog.remove();
      resolve(folder);
    };
    choose.addEventListener("click", () => { input.click(); });
    input.addEventListener("change", () => { end(readFolder([...(input.files ?? [])])); });
    cancel.addEventListener("click", () => { end(null); });
    dialog.addEventListener("cancel", (event) => {
      if (event.target === dialog) end(null); // the Escape key; closing the chooser without a choice fires `cancel` on the input
    });
    over.addEventListener("abort", () => { end(null); }, { once: true });
    document.body.append(dialog);
    dialog.showModal(); // keeps the keyboard focus inside, and restores it afterwards
  });
}

interface Dialog {
  readonly dialog: HTMLDialogElement;
  readonly choose: HTMLButtonElement;
  readonly cancel: HTMLButtonElement;
  readonly input: HTMLInputElement;
}

function makeDialog(prompt: string): Dialog {
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  const input = document.createElement("input");
  const choose = button("Choose a folder…");
  const cancel = button("Cancel");
  text.id = "browserllm-folder-prompt";
  text.textContent = prompt;
  dialog.setAttribute("aria-labelledby", text.id);
  dialog.className = "browserllm-folder";
  dialog.style.maxWidth = "min(30rem, 90vw)";
  input.type = "file";
  input.hidden = true;
  input.multiple = true; // phones cannot choose folders, so the user selects the files
  input.webkitdirectory = true;
  choose.autofocus = true;
  cancel.style.marginInlineStart = "0.75rem";
  dialog.append(text, input, choose, cancel);
  return { dialog, choose, cancel, input };
}

function button(label: string): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.style.font = "inherit";
  made.style.padding = "0.4rem 0.9rem";
  return made;
}

/** `webkitRelativePath` begins with the folder's own name, and is empty for files selected without a folder. */
export function readFolder(files: readonly File[]): PickedFolder {
  const name = files[0]?.webkitRelativePath.split("/")[0] ?? "";
  const pathOf = (file: File): string => (file.webkitRelativePath === "" ? file.name : file.webkitRelativePath.slice(name.length + 1));
  return { name, files: files.map((file) => ({ path: pathOf(file), file })) };
}
