// A worker's own end of its message channel: Node's parentPort or the browser's global scope.
import { isNode, nodeModule } from './host.ts'

interface Port {
  postMessage(message: unknown, transfer: readonly Transferable[]): void
  on?(event: 'message', listener: (message: never) => void): void
  addEventListener?(event: 'message', listener: (event: { data: never }) => void): void
}

const port: Port = isNode
  ? (nodeModule('node:worker_threads').parentPort as unknown as Port)
  : (globalThis as unknown as Port)

export function onMessage<Message>(listener: (message: Message) => void | Promise<void>): void {
  if (port.on) port.on('message', listener)
  else port.addEventListener!('message', (event) => listener(event.data))
}

export function postMessage(message: unknown, transfer: readonly Transferable[] = []): void {
  port.postMessage(message, transfer)
}
