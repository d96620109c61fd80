import { expect, it } from 'vitest'
import { type CachePlaces, cacheFolder } from './cache-folder.ts'

const nobody = (): string => {
  throw new Error('ENOENT: no such user')
}

it.each<[string, Partial<CachePlaces>, string | null]>([
  ['CONVMARK_CACHE', { environment: { CONVMARK_CACHE: '/kept', HOME: '/home/me' } }, '/kept'],
  ['XDG_CACHE_HOME', { environment: { XDG_CACHE_HOME: '/caches', HOME: '/home/me' } }, '/caches/convmark'],
  ['HOME', { environment: { HOME: '/home/me' } }, '/home/me/.cache/convmark'],
  ["the system's list of users", { homeOfUser: () => '/home/listed' }, '/home/listed/.cache/convmark'],
  ['an empty HOME', { environment: { HOME: '' }, homeOfUser: () => '/root' }, '/root/.cache/convmark'],
  ['an empty HOME of no listed user', { environment: { HOME: '' } }, null],
  ['a relative HOME of no listed user', { environment: { HOME: 'me' } }, null],
  ['no HOME and no listed user', {}, null],
  ['a list of users without homes', { homeOfUser: () => '' }, null],
  [
    'paths that are relative or empty',
    { environment: { CONVMARK_CACHE: './kept', XDG_CACHE_HOME: 'caches', HOME: '/home/me' } },
    '/home/me/.cache/convmark',
  ],
  [
    'paths that are all relative or empty',
    { environment: { CONVMARK_CACHE: '', XDG_CACHE_HOME: '.', HOME: '~' } },
    null,
  ],
  ['a Mac', { platform: 'darwin', environment: { HOME: '/Users/me' } }, '/Users/me/Library/Caches/convmark'],
  ['a Mac without a home', { platform: 'darwin' }, null],
  [
    'Windows',
    { platform: 'win32', environment: { LOCALAPPDATA: 'C:\\Users\\me\\AppData\\Local' } },
    'C:\\Users\\me\\AppData\\Local\\convmark',
  ],
  [
    'Windows with an empty LOCALAPPDATA',
    { platform: 'win32', environment: { LOCALAPPDATA: '', USERPROFILE: 'C:\\Users\\me' } },
    'C:\\Users\\me\\AppData\\Local\\convmark',
  ],
  ['Windows without a profile', { platform: 'win32' }, null],
])('%s', async (_, places, folder) => {
  const given = { platform: 'linux', environment: {}, homeOfUser: nobody, ...places }
  expect(await cacheFolder(given)).toBe(folder)
})
