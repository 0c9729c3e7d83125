/** Whether an adapter, by the name that Python gives it, is no GPU: WebGPU is then computed by the processor. */
export function isSoftware(adapter: string | null): boolean {
  return adapter?.endsWith("(software)") ?? false;
}
