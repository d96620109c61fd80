// Where the page is, and with what settings: in the address, so that a link brings both back. `#compare?batch=8&rounds=10`
import { useEffect, useState } from 'preact/hooks'

export const VIEWS = ['benchmark', 'compare', 'explain', 'train'] as const
export type View = (typeof VIEWS)[number]

export interface Route {
  readonly view: View
  readonly settings: URLSearchParams
}

const FIRST: Route = { view: 'benchmark', settings: new URLSearchParams() }

/** Null for a place within the view, such as `#main`. */
export function parseRoute(hash: string): Route | null {
  const [name, query = ''] = hash.replace(/^#/, '').split('?')
  const view = VIEWS.find((each) => each === name)
  return view ? { view, settings: new URLSearchParams(query) } : null
}

/** The page's own address with another view and settings. */
export function linkTo(view: View, settings: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(settings).toString()
  return `${location.href.split('#')[0]}#${view}${query && `?${query}`}`
}

/** The views that were seen so far, each with its settings, and the one that is shown: what a view has done stays. */
export interface Routes {
  readonly view: View
  readonly seen: Readonly<Partial<Record<View, URLSearchParams>>>
}

export function useRoutes(): Routes {
  const [routes, setRoutes] = useState(() => withRoute({ seen: {} }, parseRoute(location.hash) ?? FIRST))
  useEffect(() => {
    const follow = (): void => {
      const route = parseRoute(location.hash)
      if (route) setRoutes((before) => withRoute(before, route))
    }
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return routes
}

/** A link without settings leads back to the view as it was. */
function withRoute({ seen }: Pick<Routes, 'seen'>, { view, settings }: Route): Routes {
  const before = seen[view]
  return { view, seen: { ...seen, [view]: before && settings.size === 0 ? before : settings } }
}
