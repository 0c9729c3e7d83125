/** How an engine lays out the files of its models: the caches that it reads, and what of a folder goes where. */

/** A file's place: `name` is the path under the model's folder, `from` the path in the folder where that is another. */
export interface Placed {
  readonly cache: string;
  readonly name: string;
  readonly from?: string;
}

export interface FileLayout {
  /** The browser's caches that the engine reads. */
  readonly caches: readonly string[];
  /** What a folder must have, as a clause for the user. */
  readonly needs: string;
  /** Which of a folder's files the engine reads, in which cache; an empty list for a folder that is not for it. */
  place(files: ReadonlyMap<string, Blob>): Promise<readonly Placed[]>;
}
