// The page bundled by common tools, each with as few settings as possible; see docs/browser.md.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { build as buildWithEsbuild } from 'esbuild'
import { build as buildWithVite } from 'vite'
import webpack from 'webpack'

type Bundle = (folder: string, out: string) => Promise<void>

export const bundlers: Readonly<Record<'vite' | 'webpack' | 'esbuild', Bundle>> = {
  async vite(folder, out) {
    await buildWithVite({
      root: folder,
      configFile: false,
      logLevel: 'error',
      build: { outDir: out, emptyOutDir: true },
      // A worker that loads some of its code later has to be a module.
      worker: { format: 'es' },
    })
  },

  async webpack(folder, out) {
    const compiler = webpack({
      mode: 'production',
      context: folder,
      entry: './main.js',
      output: { path: out, filename: 'main.js' },
      performance: false,
    })
    const stats = await new Promise<webpack.Stats>((resolve, reject) => {
      compiler!.run((error, stats) => (error ? reject(error) : resolve(stats!)))
    })
    if (stats.hasErrors() || stats.hasWarnings())
      throw new Error(stats.toString({ all: false, errors: true, warnings: true }))
    copyFileSync(join(folder, 'index.html'), join(out, 'index.html'))
  },

  async esbuild(folder, out) {
    const workers = ['compute', 'reference', 'check', 'data', 'file'].map((name) => `${name}-worker`)
    const { warnings } = await buildWithEsbuild({
      absWorkingDir: folder,
      bundle: true,
      format: 'esm',
      splitting: true,
      minify: true,
      outdir: out,
      logLevel: 'silent',
      // esbuild leaves `new Worker(new URL(...))` as it is: workers are entries of their own, beside the page's script.
      entryPoints: {
        main: './main.js',
        worker: './worker.js',
        ...Object.fromEntries(workers.map((name) => [name, `convmark/workers/${name}.js`])),
      },
    })
    if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join('\n'))
    copyFileSync(join(folder, 'index.html'), join(out, 'index.html'))
  },
}
