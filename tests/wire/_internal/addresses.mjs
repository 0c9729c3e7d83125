// How browsers read addresses: for each text of a JSON list its host, port and user, or null where it is no address.
import { readFileSync } from "node:fs";

const read = (text) => {
  try {
    const { protocol, hostname, port, username, password } = new URL(text);
    return { protocol, hostname, port, user: username + password };
  } catch {
    return null;
  }
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
