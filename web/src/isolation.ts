/** Marks that the page was begun anew once: a browser that still does not isolate it then never will. */
const TRIED = 'convmark.isolation-tried'

/**
 * Registers the service worker where the host did not isolate the page, and begins the page anew: then true. False where
 * there is nothing to be done: it is isolated, or service workers are not to be had, or it was tried before.
 */
export async function isolateByServiceWorker(): Promise<boolean> {
  if (crossOriginIsolated || !isSecureContext || !('serviceWorker' in navigator)) return false
  if (sessionStorage.getItem(TRIED) !== null) return false
  sessionStorage.setItem(TRIED, 'yes')
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI))
    await navigator.serviceWorker.ready
  } catch {
    return false // the page says that it is not isolated, and works on one thread
  }
  location.reload()
  return true
}
