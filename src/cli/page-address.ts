// The addresses of the page, and where it can use threads.
import type { AddressInfo } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** What is printed when the server listens, and the address that a browser on this machine should open. */
export interface Welcome {
  readonly url: string
  readonly lines: readonly string[]
}

/**
 * An IPv4 address written as IPv6, `::ffff:127.0.0.1`: it leads to the same place, but browsers do not recognise it as
 * this machine.
 */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i

/**
 * A browser allows a page threads over https, or if its address is on this machine (localhost, 127.x.x.x, ::1). A
 * server that listens on every address (0.0.0.0, ::) is therefore opened as localhost.
 */
export function welcome({ address: bound, port }: AddressInfo, interfaces: Interfaces): Welcome {
  const address = bound.replace(MAPPED_IPV4, '')
  const urlOf = (host: string): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}/`
  if (isLoopback(address)) return { url: urlOf(address), lines: [`convmark is at ${urlOf(address)}`] }
  if (isAnyAddress(address)) {
    const url = urlOf('localhost')
    const others = outsideAddresses(interfaces, address === '::').map(urlOf)
    const where = others.length > 0 ? `, at ${others.join(' or ')}` : ''
    return {
      url,
      lines: [
        `convmark is at ${url}, and listens on ${urlOf(address)}`,
        `Other machines get it without threads${where}: browsers allow them over https or on their own machine only.`,
      ],
    }
  }
  const url = urlOf(address)
  return {
    url,
    lines: [
      `convmark is at ${url}`,
      'It has no threads there, not on this machine either: browsers allow them over https or at localhost only. ' +
        'With --host 0.0.0.0 it is at localhost too.',
    ],
  }
}

const isLoopback = (address: string): boolean => address === '::1' || /^127\./.test(address)

const isAnyAddress = (address: string): boolean => address === '0.0.0.0' || address === '::'

/** This machine's addresses as seen from others; link-local ones need an interface's name, which browsers do not accept. */
function outsideAddresses(interfaces: Interfaces, withIPv6: boolean): string[] {
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family, scopeid }) => !internal && (family === 'IPv4' || (withIPv6 && !scopeid)))
    .map(({ address }) => address)
}
