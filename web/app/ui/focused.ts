/** Returns the props of an element that gets the focus when it appears, also in a dialog that opens with it. */
export function focused(autoFocus: boolean | undefined): { readonly autoFocus?: true; readonly "data-autofocus"?: "" } {
  return autoFocus === true ? { autoFocus: true, "data-autofocus": "" } : {};
}
