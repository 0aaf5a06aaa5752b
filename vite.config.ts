import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  // The workers' imports are found at the start too: found late, they would reload the page under the user's first click.
  optimizeDeps: { exclude: ['onnxruntime-web'], entries: ['index.html', 'src/worker/studio.ts', 'src/worker/verify.ts', 'src/worker/bench.ts'] },
  build: { target: 'es2023', assetsInlineLimit: 0, chunkSizeWarningLimit: 1200 },
});
