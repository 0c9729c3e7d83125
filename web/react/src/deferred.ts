export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** A promise that is settled from outside. (`Promise.withResolvers` is too new for some browsers with WebGPU.) */
export function deferred<T>(): Deferred<T> {
  let functions!: Pick<Deferred<T>, "resolve" | "reject">;
  const promise = new Promise<T>((resolve, reject) => { functions = { resolve, reject }; });
  return { promise, ...functions };
}
