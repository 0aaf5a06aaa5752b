import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { siteFiles } from './scripts/siteFiles.ts';
import { ISOLATION } from './src/offline/isolated.ts';

/**
 * What the built page may load and reach: its own host and nothing else. Hosts should send the same
 * as a header (docs/formats.md): a worker has the policy of its own response, and a meta tag cannot
 * forbid framing.
 */
const POLICY = [
  "default-src 'self'",
  // ONNX Runtime compiles WebAssembly, which counts as evaluating.
  "script-src 'self' 'wasm-unsafe-eval'",
  // A chart that is saved as a PNG is drawn from a blob of this page.
  "img-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Writes the policy into the built page; the development server needs scripts inside its page. */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY },
          injectTo: 'head-prepend',
        },
      ],
    },
  };
}

/**
 * Sonner puts its styles into the page by script, which the policy forbids: they become a file like
 * all others.
 */
function sonnerStylesAsFile(): Plugin {
  return {
    name: 'sonner-styles-as-file',
    apply: 'build',
    transform: {
      filter: { id: /\/node_modules\/sonner\/dist\/index\.mjs$/ },
      handler(code) {
        const without = code.replace(
          /^__insertCSS\(".*"\);?$/m,
          "import 'sonner/dist/styles.css';",
        );
        if (without === code)
          this.error(
            'sonner no longer inserts its styles as it did: see whether the policy still holds',
          );
        return { code: without, map: null };
      },
    },
  };
}

/** Many hosts do not know `.mjs` as JavaScript, and a module must be sent as such. */
const output = {
  assetFileNames: ({ names }: { names: string[] }) =>
    names[0]?.endsWith('.mjs') ? 'assets/[name]-[hash].js' : 'assets/[name]-[hash][extname]',
};

export default defineConfig({
  base: './',
  plugins: [react(), contentSecurityPolicy(), sonnerStylesAsFile(), siteFiles()],
  worker: { format: 'es', rolldownOptions: { output } },
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  // The workers' imports are found at the start too: found late, they would reload the page under
  // the user's first click.
  optimizeDeps: {
    exclude: ['onnxruntime-web'],
    entries: [
      'index.html',
      'src/worker/studio.ts',
      'src/worker/verify.ts',
      'src/worker/variant.ts',
    ],
  },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/offline/sw.ts' },
      output: {
        ...output,
        // A service worker is known by its address.
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
