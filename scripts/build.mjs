// Compiles src/ to dist/: plain ES modules beside their type declarations, one file to one file, no bundler. Then the page
// in web/, which is bundled, to dist/web/.
import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
rmSync(join(root, 'dist'), { recursive: true, force: true })
const tsc = spawnSync(process.execPath, [join(dirname(manifest), 'bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (tsc.error) throw tsc.error
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
chmodSync(join(root, 'dist/cli/main.js'), 0o755)

const { build } = await import('vite')
await build({ configFile: join(root, 'web/vite.config.ts'), logLevel: 'warn' })
