import { UnavailableError } from '../errors.ts'
import { isNode, nodeModule } from './host.ts'

/** The user's cache folder for convmark, or what CONVMARK_CACHE names. */
export async function cacheFolder(): Promise<string> {
  if (!isNode) throw new UnavailableError('a browser has no cache folder of convmark')
  const { homedir } = nodeModule('node:os')
  const { join } = nodeModule('node:path')
  const { CONVMARK_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (CONVMARK_CACHE) return CONVMARK_CACHE
  if (process.platform === 'win32')
    return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'convmark')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'convmark')
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'convmark')
}
