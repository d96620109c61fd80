// Where the libraries' packages are: in the folder that the runner was told, the user's project, or as Node finds them from
// here, in this folder's node_modules or above it.
let from

/** The folder of the user's project, as an URL. Node then needs --experimental-import-meta-resolve. */
export function importFrom(folder) {
  from = folder
}

/** The URL of a package's module. */
export const resolve = (name) => import.meta.resolve(name, from)

export const load = (name) => import(resolve(name))
