import { render } from 'preact'
import { App } from './app.tsx'
import { isolateByServiceWorker } from './isolation.ts'
import { readPreference } from './preferences.ts'
import { firstLanguage, loadTexts } from './texts/index.ts'

// Where a service worker can give what the host does not, the page begins anew with it.
if (!(await isolateByServiceWorker())) {
  // A page without its Chinese texts is still one in English
  await loadTexts(firstLanguage(readPreference('language'))).catch(() => {})
  render(<App />, document.body)
}
