/** Something of a request that an engine did not do as asked, for the response. */
export interface Warning {
  readonly parameter: string;
  readonly message: string;
}
