import js from "@eslint/js";
import tseslint from "typescript-eslint";

// Run at the project's root, so that it sees tests/page too: ESLint looks at nothing above the folder it runs in.
export default tseslint.config(
  { ignores: ["web/dist", "web/react/dist", "web/node_modules", "web/coverage", "web/scripts", "web/python", "web/public"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: "tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers in messages and progress texts read well as they are.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
    },
  },
  { files: ["**/eslint.config.js"], extends: [tseslint.configs.disableTypeChecked] },
);
