/** What a key press in the message box means. */

interface Press {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
  readonly keyCode: number;
}

/** What browsers report for a key that an input method takes. */
const TAKEN_BY_INPUT_METHOD = 229;

/**
 * Says whether a key press belongs to an input method, such as the Enter that accepts a Japanese word.
 *
 * Safari ends the composition before it reports that Enter; its key code still tells.
 */
export function isComposing(press: { readonly isComposing: boolean; readonly keyCode: number }): boolean {
  return press.isComposing || press.keyCode === TAKEN_BY_INPUT_METHOD;
}

/** Says whether a press sends: Enter alone if `enterSends`, and always Enter with Ctrl or Cmd. */
export function sends(press: Press, enterSends: boolean): boolean {
  if (press.key !== "Enter" || isComposing(press) || press.shiftKey || press.altKey) return false;
  return press.ctrlKey || press.metaKey || enterSends;
}
