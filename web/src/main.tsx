import { render } from 'preact'
import { App } from './app.tsx'
import { isolateByServiceWorker } from './isolation.ts'

// A file dropped beside the places for it would take the page's own place
for (const kind of ['dragover', 'drop'] as const) addEventListener(kind, (event) => event.preventDefault())

// Where a service worker can give what the host does not, the page begins anew with it.
if (!(await isolateByServiceWorker())) render(<App />, document.body)
