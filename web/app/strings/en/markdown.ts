export const markdown = {
  copyCode: "Copy",
  table: "Table",
  rowsLeftOut: (shown: number, all: number) => `The first ${shown} of ${all} rows are shown. Copy the answer to have them all.`,
};
