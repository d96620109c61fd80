// The headers of the page: sent by `convmark serve` and by Vite during development, and, as far as a document can
// contain them, written into the built index.html for any host.

/** Scripts, styles and data only from the page's own host; nothing inline, and no eval except WebAssembly's compiler. */
const policy = (extra: { readonly scripts?: string; readonly workers?: string } = {}): string =>
  [
    "default-src 'none'",
    `script-src 'self' 'wasm-unsafe-eval'${extra.scripts ?? ''}`,
    `worker-src 'self'${extra.workers ?? ''}`,
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')

export const CONTENT_SECURITY_POLICY: string = policy()

/** Threads need the first two: without them a browser has no SharedArrayBuffer. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': `${CONTENT_SECURITY_POLICY}; frame-ancestors 'none'`,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/** The worker that runs other libraries, some of which start threads from blobs. It has its own policy. */
export const PEER_WORKER_HEADERS: Readonly<Record<string, string>> = {
  ...PAGE_HEADERS,
  'Content-Security-Policy': policy({ scripts: ' blob:', workers: ' blob:' }),
}

/** Its file, whatever its hash. */
export const PEER_WORKER_PATH = /^\/assets\/peer-worker-[\w-]+\.js$/
