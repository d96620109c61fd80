import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { CONTENT_SECURITY_POLICY, PAGE_HEADERS } from '../src/cli/page-headers.ts'

const fromHere = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The public entry points, as built: `npm run build` compiles them before it comes here. */
const entries = {
  'convmark/bench': 'bench/index.js',
  'convmark/engine': 'engine.js',
  'convmark/data': 'data/index.js',
  'convmark/formats': 'formats/index.js',
  'convmark/layers': 'layers/index.js',
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

/**
 * Vite builds every worker for itself, with a copy of whatever it imports. As further entries of one build the page and its
 * workers share what they have in common, half of which would be there two to five times.
 */
function sharedWorkers(): Plugin {
  const WORKER = /new Worker\(\s*new URL\('(\.\/[\w-]+\.[jt]s)', import\.meta\.url\)/g
  return {
    name: 'shared-workers',
    apply: 'build',
    enforce: 'pre',
    async transform(code, id) {
      let changed = code
      for (const [words, path] of code.matchAll(WORKER)) {
        const worker = await this.resolve(path!, id)
        if (!worker) this.error(`there is no worker ${path}`)
        const reference = this.emitFile({ type: 'chunk', id: worker.id })
        changed = changed.replace(words, `new Worker(import.meta.ROLLUP_FILE_URL_${reference}`)
      }
      return changed === code ? null : changed
    },
  }
}

export default defineConfig({
  root: fromHere('.'),
  // Any folder of any host
  base: './',
  plugins: [contentSecurityPolicy(), sharedWorkers()],
  worker: { format: 'es' },
  resolve: {
    alias: [
      ...Object.entries(entries).map(([name, path]) => ({
        find: new RegExp(`^${name}$`),
        replacement: fromHere(`../dist/${path}`),
      })),
      // Machine code, and decoders of image files: the page needs neither
      {
        find: /^(koffi|\.\/x64\.js|\.\/(jpeg-decoder|png-codec|webp-codec)\.js)$/,
        replacement: fromHere('src/not-here.ts'),
      },
    ],
  },
  server: { headers: PAGE_HEADERS },
  preview: { headers: PAGE_HEADERS },
  build: {
    outDir: fromHere('../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: {
      polyfill: false,
      // What is loaded later may be loaded in a worker, which has no document
      resolveDependencies: (_, files, { hostType }) => (hostType === 'html' ? files : []),
    },
    rolldownOptions: {
      input: { index: fromHere('index.html'), 'service-worker': fromHere('src/service-worker.ts') },
      output: {
        // Its folder is what it serves, and its name must not change
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
})
