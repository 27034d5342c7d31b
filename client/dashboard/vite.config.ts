import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { parse } from "yaml";

const root = resolve(import.meta.dirname, "../..");
const generated = resolve(root, "build/dashboard-node/generated");

// The comment above a job file's first key: what the example is about.
function description(text: string): string {
  const lines = text
    .split("\n")
    .filter((line, i, all) => line.startsWith("#") && all.slice(0, i).every((before) => before.startsWith("#")));
  return lines
    .filter((line) => !line.includes("yaml-language-server"))
    .map((line) => line.slice(1).trim())
    .join(" ");
}

// examples/*.yaml as a module of JSON, so that the page needs no reader of YAML.
function examples(): Plugin {
  const name = "virtual:examples";
  const folder = resolve(root, "examples");
  const load = () =>
    readdirSync(folder)
      .filter((file) => file.endsWith(".yaml"))
      .sort()
      .map((file) => {
        const text = readFileSync(resolve(folder, file), "utf8");
        return { name: file.replace(".yaml", ""), description: description(text), job: parse(text) };
      });
  return {
    name: "examples",
    resolveId: (id) => (id === name ? `\0${name}` : null),
    load: (id) => (id === `\0${name}` ? `export const examples = ${JSON.stringify(load())};` : null),
  };
}

export default defineConfig({
  base: "./",
  resolve: { alias: { contract: generated } },
  plugins: [examples()],
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    // The page's policy allows no inline script, which the polyfill of preloading would be.
    modulePreload: { polyfill: false },
  },
});
