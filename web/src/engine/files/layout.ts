/** How an engine lays out its models' files: the caches that it reads, and the place of each file of a folder. */

/** A file's place: `name` is the path under the model's folder, `from` the path in the folder if it differs. */
export interface Placed {
  readonly cache: string;
  readonly name: string;
  readonly from?: string;
}

export interface FileLayout {
  /** The browser's caches that the engine reads. */
  readonly caches: readonly string[];
  /** The files that a folder needs, as a clause for error messages. */
  readonly needs: string;
  /** The folder's files that the engine reads, with their caches; an empty list if the folder is no model for this engine. */
  place(files: ReadonlyMap<string, Blob>): Promise<readonly Placed[]>;
}
