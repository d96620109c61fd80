import { render } from 'preact'
import { App } from './app.tsx'
import { isolateByServiceWorker } from './isolation.ts'

// Where a service worker can give what the host does not, the page begins anew with it.
if (!(await isolateByServiceWorker())) render(<App />, document.body)
