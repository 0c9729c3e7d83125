import { type ActionName, type ArgsOf, type Call, type CallOptions, type ErrorInfo, type ResultOf, useCall } from "@browserllm/react";
import { useCallback } from "react";
import { infoOf } from "./errors.ts";
import { capitalized } from "./format.ts";
import { type Strings, useStrings } from "./strings/index.ts";
import { errorIn } from "./strings/python.ts";
import { useToast } from "./ui/index.ts";

/** Calls an action; `undefined` if it failed. */
type Act = <A extends ActionName>(
  action: A,
  ...rest: object extends ArgsOf<A> ? [args?: ArgsOf<A>, options?: CallOptions<A>] : [args: ArgsOf<A>, options?: CallOptions<A>]
) => Promise<ResultOf<A> | undefined>;

/**
 * Returns the function that calls actions, for handlers of events: a failure is shown as a toast, and the result is then
 * `undefined`.
 */
export function useAction(): Act {
  const call = useCall();
  const toast = useToast();
  const strings = useStrings();
  return useCallback(
    async (...given: Parameters<Call>) => {
      try {
        return await call(...given);
      } catch (error) {
        const info = infoOf(error, strings.chat.failed);
        if (info) toast({ kind: "bad", text: toldIn(info, strings) });
        return undefined;
      }
    },
    [call, toast, strings],
  ) as Act;
}

/** Returns an error in one line, in the language of the page. */
export function toldIn(error: ErrorInfo, strings: Strings): string {
  const { title, message, remedy } = errorIn(error, strings.python);
  return [title, sentence(message), remedy].filter(Boolean).join(". ");
}

/** Error messages begin in lower case; sentences do not. */
export function sentence(message: string): string {
  return capitalized(message);
}
