// Writes web/widget/custom-elements.json: what the widget offers, for editors and catalogs, from the comments in element.ts.
// With --check it writes nothing, and fails if the file is not current.

import { readFileSync, writeFileSync } from "node:fs";
import { create, ts } from "@custom-elements-manifest/analyzer";

const source = new URL("../widget/element.ts", import.meta.url);
const target = new URL("../widget/custom-elements.json", import.meta.url);

/** What is private or for the browser alone does not belong into it; the module is the built file. */
const published = {
  name: "published",
  packageLinkPhase({ customElementsManifest }) {
    for (const module of customElementsManifest.modules) {
      const elements = module.declarations.filter(({ customElement }) => customElement);
      for (const element of elements) {
        element.superclass = { name: "HTMLElement" };
        element.events = element.events.filter(({ name }) => name.startsWith("local-llm:"));
        for (const attribute of element.attributes) {
          attribute.fieldName = attribute.name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
          Object.assign(element.members.find(({ name }) => name === attribute.fieldName), { attribute: attribute.name, reflects: true });
        }
        element.members = element.members.filter(({ name, privacy }) => !name.startsWith("#") && privacy !== "private" && !/Callback$|^(addEventListener|observedAttributes)$/.test(name));
      }
      module.path = "widget.js";
      module.declarations = elements;
      module.exports = [
        ...elements.map(({ name }) => ({ kind: "js", name, declaration: { name, module: "widget.js" } })),
        ...elements.map(({ name, tagName }) => ({ kind: "custom-element-definition", name: tagName, declaration: { name, module: "widget.js" } })),
      ];
    }
  },
};

const file = ts.createSourceFile("element.ts", readFileSync(source, "utf8"), ts.ScriptTarget.ES2022, true);
const text = `${JSON.stringify(create({ modules: [file], plugins: [published] }), null, 2)}\n`;

if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (text !== readFileSync(target, "utf8")) {
  console.error("error: web/widget/custom-elements.json is not current; run `npm run widget-manifest` in web/");
  process.exitCode = 1;
}
