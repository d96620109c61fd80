/**
 * A module of the build, typed by its source. Workers are JavaScript files beside the module that starts them, so what
 * needs threads is tested as it is shipped; `npm test` builds first.
 */
export async function built<Module>(path: string): Promise<Module> {
  return import(new URL(`../../dist/${path}`, import.meta.url).href)
}
