import { defineConfig } from "vite";

// Relative addresses, so that the page also works behind a proxy that adds a path. Names with a hash, so that browsers may
// keep what they have until there is something new.
export default defineConfig({
  base: "./",
  build: {
    target: "es2021",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: { entryFileNames: "page-[hash].js", chunkFileNames: "[name]-[hash].js", assetFileNames: "page-[hash][extname]" },
    },
  },
});
