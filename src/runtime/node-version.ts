/** How a JavaScript host describes itself: Node's `process`, or its equivalent in Bun and Deno. */
export interface HostProcess {
  readonly versions?: Readonly<Record<string, string | undefined>>
  readonly getBuiltinModule?: unknown
}

const OLDEST_NODE_20 = [20, 19] as const
/** Node 21 and the first versions of 22 lack process.getBuiltinModule, which Node 20 has from 20.16 on. */
const OLDEST_NODE = '22.3'

/**
 * What convmark lacks in this host: `needs Node 22.3 or newer, or Node 20 from 20.19 on; this is 18.20.8`. Null if it
 * can run, and in a browser. Bun and Deno claim to be some version of Node, so for them only their features count.
 */
export function nodeFault(host: HostProcess = typeof process === 'object' ? process : {}): string | null {
  const { versions = {}, getBuiltinModule } = host
  const { node } = versions
  if (typeof node !== 'string') return null
  const isComplete = typeof getBuiltinModule === 'function'
  for (const [key, name] of [
    ['bun', 'Bun'],
    ['deno', 'Deno'],
  ] as const) {
    const version = versions[key]
    if (version && isComplete) return null
    if (version) return `needs a newer ${name}, with process.getBuiltinModule; this is ${version}`
  }
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const isOld = major < OLDEST_NODE_20[0] || (major === OLDEST_NODE_20[0] && minor < OLDEST_NODE_20[1])
  if (!isOld && isComplete) return null
  return `needs Node ${OLDEST_NODE} or newer, or Node 20 from ${OLDEST_NODE_20.join('.')} on; this is ${node}`
}
