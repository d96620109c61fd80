// Where the page is, and with what settings: in the address, so that a link brings both back. `#compare?batch=8&rounds=10`
import { useEffect, useState } from 'preact/hooks'

export const VIEWS = ['benchmark', 'compare', 'explain', 'train'] as const
export type View = (typeof VIEWS)[number]

export interface Route {
  readonly view: View
  readonly settings: URLSearchParams
}

export function parseRoute(hash: string): Route {
  const [name, query = ''] = hash.replace(/^#/, '').split('?')
  const view = VIEWS.find((each) => each === name) ?? 'benchmark'
  return { view, settings: new URLSearchParams(query) }
}

/** The page's own address with another view and settings. */
export function linkTo(view: View, settings: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(settings).toString()
  return `${location.href.split('#')[0]}#${view}${query && `?${query}`}`
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash))
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash))
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return route
}
