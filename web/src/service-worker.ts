// For hosts that send no headers of their own: adds those that give a page SharedArrayBuffer, and so threads.
// Nothing is cached, and nothing but headers is changed.

interface ServiceWorkerScope {
  skipWaiting(): void
  readonly clients: { claim(): Promise<void> }
  addEventListener(type: 'install' | 'activate' | 'fetch', listener: (event: WorkerEvent) => void): void
}

interface WorkerEvent {
  readonly request: Request
  waitUntil(promise: Promise<unknown>): void
  respondWith(response: Promise<Response>): void
}

const scope = self as unknown as ServiceWorkerScope

scope.addEventListener('install', () => scope.skipWaiting())
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()))
scope.addEventListener('fetch', (event) => {
  if (new URL(event.request.url).origin === self.location.origin) event.respondWith(isolated(event.request))
})

async function isolated(request: Request): Promise<Response> {
  const response = await fetch(request)
  if (response.status === 0) return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}
