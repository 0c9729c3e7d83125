import { expect, test } from "vitest";
import { sizeText } from "../../web/src/sizes.ts";

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [999, "999 bytes"],
  [12_345, "12 kB"],
  [999_500, "1.0 MB"],
  [3_400_000, "3.4 MB"],
  [99_949_999, "99.9 MB"],
  [99_960_000, "100 MB"],
  [352_000_000, "352 MB"],
  [999_900_000, "1.0 GB"],
  [1_260_000_000, "1.3 GB"],
  [12_000_000_000, "12.0 GB"],
  [3_000_000_000_000, "3.0 TB"],
] as const)("%d bytes are %s, as Python writes them", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
