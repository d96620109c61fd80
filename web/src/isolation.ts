/** Marks that the page was begun anew once: a browser that still does not isolate it then never will. */
const TRIED = 'convmark.isolation-tried'
/** A service worker of a few lines is active at once, or never. */
const PATIENCE_MS = 2000

/**
 * Registers the service worker where the host did not isolate the page, and begins the page anew: then true. False where
 * there is nothing to be done: it is isolated, or service workers are unavailable, or it was tried before.
 */
export async function isolateByServiceWorker(): Promise<boolean> {
  if (crossOriginIsolated || !isSecureContext || !('serviceWorker' in navigator)) return false
  if (sessionStorage.getItem(TRIED) !== null) return false
  sessionStorage.setItem(TRIED, 'yes')
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI))
    const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE_MS))
    if ((await Promise.race([navigator.serviceWorker.ready, late])) === null) return false
  } catch {
    return false // the page says that it is not isolated, and works on one thread
  }
  location.reload()
  return true
}
