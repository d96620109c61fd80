import { isNode, nodeModule } from './host.ts'

/** What decides where the cache folder is; tests make their own. */
export interface CachePlaces {
  readonly platform: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The user's home folder according to the system's list of users. Throws if the user is not in it. */
  readonly homeOfUser: () => string
}

/**
 * The user's cache folder for convmark, or the one that CONVMARK_CACHE names. Null if there is none, as in a browser or
 * for a user without a home folder; nothing is stored then. Empty and relative paths are ignored, as the XDG
 * specification requires: they would put the cache into whatever folder the process was started in.
 */
export async function cacheFolder(places?: CachePlaces): Promise<string | null> {
  if (!isNode) return null
  const { platform, environment, homeOfUser } = places ?? thisSystem()
  const { isAbsolute, join } = nodeModule('node:path')[platform === 'win32' ? 'win32' : 'posix']
  const firstAbsolute = (...paths: readonly (string | undefined)[]): string | null =>
    paths.find((path) => path !== undefined && isAbsolute(path)) ?? null
  const below = (folder: string | null, ...names: readonly string[]): string | null =>
    folder === null ? null : join(folder, ...names, 'convmark')

  const { CONVMARK_CACHE, XDG_CACHE_HOME, LOCALAPPDATA, HOME, USERPROFILE } = environment
  const chosen = firstAbsolute(CONVMARK_CACHE)
  if (chosen !== null) return chosen
  const home = firstAbsolute(platform === 'win32' ? USERPROFILE : HOME, pathOrNone(homeOfUser))
  if (platform === 'win32') return below(firstAbsolute(LOCALAPPDATA)) ?? below(home, 'AppData', 'Local')
  if (platform === 'darwin') return below(home, 'Library', 'Caches')
  return below(firstAbsolute(XDG_CACHE_HOME)) ?? below(home, '.cache')
}

function thisSystem(): CachePlaces {
  const { userInfo } = nodeModule('node:os')
  return { platform: process.platform, environment: process.env, homeOfUser: () => userInfo().homedir }
}

/** In a container the user often has no entry in the list of users, and so no home folder. */
function pathOrNone(homeOfUser: () => string): string | undefined {
  try {
    return homeOfUser()
  } catch {
    return undefined
  }
}
