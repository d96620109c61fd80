// Where a worker's module is in Node: beside the module that starts it, both in the package and in a bundle that has it
// as an entry.
import { ConvmarkError } from '../errors.ts'
import { nodeModule } from './host.ts'

/**
 * Where a module's own file is, for createRequire: its `import.meta.url`, which does not exist in a CommonJS bundle.
 * There all modules are in one file, called `__filename`.
 */
export const ownFile = (url: string | undefined): string => url ?? __filename

/** What a bundler may have changed `.js` into. */
const EXTENSIONS = ['.js', '.mjs', '.cjs']

/**
 * The file of the worker module `./<file>.js`. `resolve` returns what `import.meta.resolve` does, which does not exist
 * in a CommonJS bundle: that knows its own file instead. Throws ConvmarkError, with advice, if there is no such file.
 */
export function workerFile(name: string, file: string, resolve: () => string): URL {
  const { existsSync } = nodeModule('node:fs')
  const { fileURLToPath, pathToFileURL } = nodeModule('node:url')
  const isCommonJs = typeof import.meta.resolve !== 'function' && typeof __filename === 'string'
  const beside = isCommonJs ? new URL(`./${file}.js`, pathToFileURL(__filename)) : new URL(resolve())
  if (beside.protocol !== 'file:') return beside
  const places = EXTENSIONS.map((extension) => new URL(beside.href.replace(/\.[cm]?js$/, extension)))
  const found = places.find((place) => existsSync(place))
  if (found) return found
  throw new ConvmarkError(
    `${name}: there is no ${fileURLToPath(beside)}: convmark was installed in part or bundled without its workers; ` +
      "install it again, leave it out of the bundle (esbuild's --external:convmark), " +
      'or make its workers entries of the bundle: docs/node.md of convmark says how',
  )
}
