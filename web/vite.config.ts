import { defineConfig, type Plugin } from 'vite'
import { CONTENT_SECURITY_POLICY, PAGE_HEADERS } from '../src/cli/page-headers.ts'

const fromHere = (path: string): string => new URL(path, import.meta.url).pathname

/** The public entry points, as built: `npm run build` compiles them before it comes here. */
const entries = {
  'convmark/bench': 'bench/index.js',
  'convmark/engine': 'engine.js',
  'convmark/data': 'data/index.js',
  'convmark/formats': 'formats/index.js',
  'convmark/report': 'report/index.js',
  'convmark/train': 'train/index.js',
  convmark: 'index.js',
}

/** For hosts that send no headers: what a page can say of itself. */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: CONTENT_SECURITY_POLICY },
        injectTo: 'head-prepend',
      },
    ],
  }
}

export default defineConfig({
  root: fromHere('.'),
  // Any folder of any host
  base: './',
  plugins: [contentSecurityPolicy()],
  worker: { format: 'es' },
  resolve: {
    alias: [
      ...Object.entries(entries).map(([name, path]) => ({
        find: new RegExp(`^${name}$`),
        replacement: fromHere(`../dist/${path}`),
      })),
      // Machine code, and decoders of image files: the page needs neither
      { find: /^(koffi|@jsquash\/.*)$/, replacement: fromHere('src/not-here.ts') },
    ],
  },
  server: { headers: PAGE_HEADERS },
  preview: { headers: PAGE_HEADERS },
  build: {
    outDir: fromHere('../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: fromHere('index.html'), 'service-worker': fromHere('src/service-worker.ts') },
      output: {
        // Its folder is what it serves, and its name must not change
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
})
