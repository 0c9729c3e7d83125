/** The widget's styles, as a constructed sheet: it needs no `style-src` of the page. */

const CSS = `
:host {
  --llm-ink: light-dark(#1f2120, #e9e8e4);
  --llm-quiet: light-dark(#62645f, #a3a59f);
  --llm-paper: light-dark(#ffffff, #1e1f1e);
  --llm-sunken: light-dark(#f2f0ec, #111211);
  --llm-line: light-dark(#dedbd4, #3a3d39);
  --llm-accent: light-dark(#0b6e5f, #5ac8b4);
  --llm-on-accent: light-dark(#ffffff, #06231e);
  --llm-good: light-dark(#2a6b2f, #86c98a);
  --llm-bad: light-dark(#a3241b, #ff9f95);
  --llm-bad-wash: light-dark(#fcedeb, #351d1b);
  --ink: var(--local-llm-color, var(--llm-ink));
  --quiet: var(--local-llm-quiet-color, var(--llm-quiet));
  --line: var(--local-llm-border-color, var(--llm-line));
  --accent: var(--local-llm-accent, var(--llm-accent));
  color-scheme: light dark;
  display: block;
  min-width: 240px;
  max-width: 26rem;
  contain: content;
  container-type: inline-size;
  font: 400 0.875rem / 1.45 var(--local-llm-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
  color: var(--ink);
}
:host([hidden]), [hidden] { display: none !important; }
*, ::before, ::after { box-sizing: border-box; }
p, dl, dd { margin: 0; }
/* English words keep their order in a page that is written from right to left. */
p, dt, dd, strong { unicode-bidi: plaintext; text-align: match-parent; }
.box {
  display: grid;
  gap: 10px;
  padding: 14px;
  background: var(--local-llm-background, var(--llm-paper));
  border: 1px solid var(--line);
  border-radius: var(--local-llm-radius, 12px);
  text-align: start;
}
.head { display: flex; align-items: center; gap: 8px; min-width: 0; }
.dot { flex: none; inline-size: 9px; block-size: 9px; border-radius: 50%; background: var(--quiet); }
[data-state="idle"] .dot { background: var(--llm-good); }
[data-state="loading"] .dot, [data-state="active"] .dot { background: var(--accent); animation: pulse 1.2s ease-in-out infinite; }
[data-state="error"] .dot { background: var(--llm-bad); }
.name { flex: 1; min-width: 0; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.state { flex: none; color: var(--quiet); }
[data-state="error"] .state { color: var(--llm-bad); }
.badges { display: flex; flex-wrap: wrap; gap: 6px; }
.badge { padding: 1px 8px; border: 1px solid var(--line); border-radius: 999px; font-size: 0.75rem; color: var(--quiet); }
.message, .progress, .times, .note { color: var(--quiet); overflow-wrap: anywhere; }
.progress { margin-block-start: 5px; }
.progress, .times, .note { font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
.bar {
  appearance: none;
  display: block;
  inline-size: 100%;
  block-size: var(--local-llm-bar-height, 6px);
  border: 0;
  border-radius: 999px;
  overflow: hidden;
  background: var(--llm-sunken);
  color: var(--accent);
}
.bar::-webkit-progress-bar { background: transparent; }
.bar::-webkit-progress-value { background: var(--accent); border-radius: 999px; transition: inline-size 200ms linear; }
.bar::-moz-progress-bar { background: var(--accent); border-radius: 999px; }
.bar:not([value]) {
  background: linear-gradient(90deg, transparent, var(--accent), transparent) 0 0 / 40% 100% no-repeat, var(--llm-sunken);
  animation: slide 1.4s linear infinite;
}
.bar:not([value])::-moz-progress-bar { background: transparent; }
.error { padding: 10px 12px; border-radius: 8px; background: var(--llm-bad-wash); overflow-wrap: anywhere; }
.error-title { display: block; color: var(--llm-bad); font-weight: 600; }
.error-remedy { margin-block-start: 6px; }
.stats { display: grid; grid-template-columns: repeat(auto-fit, minmax(112px, 1fr)); gap: 8px 10px; }
.stat-name { font-size: 0.75rem; color: var(--quiet); }
.stat-value { font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.controls { display: flex; flex-wrap: wrap; gap: 8px; }
.model { flex: 1 1 100%; min-width: 0; }
.select, .button {
  min-block-size: 36px;
  padding: 0 12px;
  border: 1px solid var(--line);
  border-radius: 8px;
  background: var(--local-llm-control-background, var(--llm-paper));
  color: inherit;
  font: inherit;
}
.select { inline-size: 100%; padding: 0 8px; text-overflow: ellipsis; }
.button { flex: 1 0 auto; cursor: pointer; }
.button:hover:not(:disabled) { border-color: var(--accent); }
.button.main { border-color: transparent; background: var(--accent); color: var(--local-llm-on-accent, var(--llm-on-accent)); font-weight: 600; }
.button:disabled, .select:disabled { opacity: 0.55; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.live { position: absolute; inline-size: 1px; block-size: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (max-width: 270px) { .box { padding: 12px; } .stat-value { font-size: 0.8125rem; } }
@media (pointer: coarse) { .select, .button { min-block-size: 44px; } }
@media (prefers-reduced-motion: reduce) {
  .dot, .bar:not([value]) { animation: none !important; }
  .bar::-webkit-progress-value { transition: none; }
}
@media (forced-colors: active) { .dot, .bar { forced-color-adjust: none; } }
@keyframes pulse { 50% { opacity: 0.35; } }
@keyframes slide { from { background-position: -70% 0, 0 0; } to { background-position: 170% 0, 0 0; } }
`;

let made: CSSStyleSheet | null = null;

/** The sheet that all widgets of the page share. */
export function sheet(): CSSStyleSheet {
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(CSS);
  }
  return made;
}
