// To be imported first: Node as a page that is not cross-origin isolated, where threads share no memory.
import 'node:worker_threads' // which takes what it needs while it is there

Reflect.deleteProperty(globalThis, 'SharedArrayBuffer')
