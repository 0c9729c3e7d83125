/** Our pages stand alone: another page that shows one inside itself could lay its own buttons over ours. */

/** Whether another page shows this one inside itself. No page can hide that from us: `top` cannot be replaced. */
export function isFramed(scope: Pick<Window, "top" | "window"> = window): boolean {
  return scope.top !== scope.window;
}

/** Run `main`, or in a frame say why not: then nothing is started, and there is nothing to press. */
export function unlessFramed(main: () => void): void {
  if (!isFramed()) {
    main();
    return;
  }
  const link = document.createElement("a");
  link.href = location.pathname;
  link.target = "_blank";
  link.rel = "noopener";
  link.textContent = "Open it by itself.";
  const text = document.createElement("p");
  text.append("This page does not run inside another page. ", link);
  document.body.replaceChildren(text);
}
