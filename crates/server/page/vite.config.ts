import { defineConfig } from "vite";

// Relative addresses, so that the page also works behind a proxy that adds a path. Names without a hash: the server
// compiles the files in and answers with an ETag.
export default defineConfig({
  base: "./",
  build: {
    target: "es2021",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: { entryFileNames: "page.js", chunkFileNames: "[name].js", assetFileNames: "page[extname]" },
    },
  },
});
