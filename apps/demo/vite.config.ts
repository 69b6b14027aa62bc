import { viteNotices } from "@controlnet-js/tsup-preset/notices";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: "src/page",
  plugins: [react(), viteNotices()],
  build: { outDir: "../../dist/page", emptyOutDir: true, chunkSizeWarningLimit: 2000 },
});
