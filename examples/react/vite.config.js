import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // the built page works in any folder
  build: { target: "es2022" },
});
