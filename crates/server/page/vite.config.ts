import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig, type Plugin } from "vite";

const modules = createRequire(import.meta.url);
const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

/** Tables of characters that PDF files of Chinese, Japanese and Korean texts name instead of bringing their own. */
const CHARACTER_TABLES = [
  "Adobe-GB1-UCS2 Adobe-CNS1-UCS2 Adobe-Japan1-UCS2 Adobe-Korea1-UCS2",
  "GB-EUC-H GB-EUC-V GBK-EUC-H GBK-EUC-V GBK2K-H GBK2K-V GBKp-EUC-H GBKp-EUC-V UniGB-UCS2-H UniGB-UCS2-V UniGB-UTF16-H UniGB-UTF16-V",
  "B5pc-H B5pc-V ETen-B5-H ETen-B5-V ETenms-B5-H ETenms-B5-V UniCNS-UCS2-H UniCNS-UCS2-V UniCNS-UTF16-H UniCNS-UTF16-V",
].flatMap((line) => line.split(" "));

/** The page's policy stands in the page itself too, for whoever serves it without the header. Three rules mean nothing there. */
const policy: Plugin = {
  name: "policy",
  transformIndexHtml(html) {
    const rules = read("policies/page.txt").trim().split("; ");
    return html.replace("POLICY", rules.filter((rule) => !rule.startsWith("frame-ancestors")).join("; "));
  },
};

/** Every browser that runs this page reads WOFF2; the older forms of the formulas' fonts would only make it larger. */
const newFonts: Plugin = {
  name: "new-fonts",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("katex") || !id.endsWith(".css")) return;
    return { code: code.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, ""), map: null };
  },
};

/** Files that are taken as they are: the frame in which diagrams are drawn, with its library, and tables for PDF files. */
const asTheyAre: Plugin = {
  name: "as-they-are",
  generateBundle() {
    const script = (name: string, source: string) => this.getFileName(this.emitFile({ type: "asset", name, source }));
    const library = script("mermaid.js", readFileSync(modules.resolve("@mermaid-js/tiny/dist/mermaid.tiny.js"), "utf8"));
    const frame = script("diagram.js", read("src/diagram/frame.js"));
    const source = read("src/diagram/frame.html").replace("LIBRARY", library).replace("FRAME", frame);
    this.emitFile({ type: "asset", fileName: "diagram.html", source });
    const folder = modules.resolve("pdfjs-dist/package.json").replace("package.json", "cmaps/");
    for (const name of CHARACTER_TABLES) {
      this.emitFile({ type: "asset", fileName: `${name}.bcmap`, source: readFileSync(`${folder}${name}.bcmap`) });
    }
  },
};

/** The licences of what is taken as it is, behind those of what is bundled. */
const licences: Plugin = {
  name: "licences",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      const list = bundle["licenses.md"];
      if (list?.type !== "asset") this.error("there is no list of licences");
      for (const name of ["@mermaid-js/tiny", "pdfjs-dist"]) {
        const { version, license } = JSON.parse(readFileSync(modules.resolve(`${name}/package.json`), "utf8"));
        const text = readFileSync(modules.resolve(`${name}/package.json`).replace("package.json", "LICENSE"), "utf8");
        if (!list.source.includes(`## ${name} -`)) list.source += `\n## ${name} - ${version} (${license})\n\n${text.trim()}\n`;
      }
    },
  },
};

// Relative addresses, so that the page also works behind a proxy that adds a path. Names with a hash, so that browsers may
// keep what they have until there is something new.
const names = { entryFileNames: "[name]-[hash].js", chunkFileNames: "[name]-[hash].js", assetFileNames: "[name]-[hash][extname]" };
export default defineConfig({
  base: "./",
  plugins: [policy, newFonts, asTheyAre, licences],
  worker: { format: "es", rolldownOptions: { output: names } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    license: { fileName: "licenses.md" },
    rolldownOptions: { input: { index: "index.html", glass: "glass.html" }, output: names },
  },
});
