// import-cost.mjs FILE.onnx...: what an import costs, for each file in a process of its own: time, the processor's time, and the
// process's growth at its peak, the file's bytes included. scripts/onnx-zoo.py makes files. Build first.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ownPath = fileURLToPath(import.meta.url)
const [first, ...others] = process.argv.slice(2)
if (first === '--one') await measure(others[0])
else if (first === undefined) throw new Error('usage: node scripts/import-cost.mjs FILE.onnx...')
else {
  for (const path of [first, ...others]) {
    const { status } = spawnSync(process.execPath, [ownPath, '--one', path], { stdio: 'inherit' })
    if (status !== 0) process.exit(1)
  }
}

async function measure(path) {
  const { importOnnx } = await import('../dist/formats/index.js')
  const { readBytes } = await import('../dist/formats/files.js')
  const before = process.memoryUsage.rss()
  const bytes = await readBytes(path)
  const [start, cpuStart] = [performance.now(), process.cpuUsage()]
  const { network } = await importOnnx(bytes)
  const elapsedMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpuStart)
  const peak = process.resourceUsage().maxRSS * 1024 - before
  const figures = [
    `${elapsedMs.toFixed(0)} ms`,
    `${(user / 1e3).toFixed(0)} ms user`,
    `${(system / 1e3).toFixed(0)} ms system`,
    `${(peak / bytes.length).toFixed(2)} times its ${(bytes.length / 1e6).toFixed(1)} MB in memory`,
    `${network.layers.length} layers`,
  ]
  console.log(`${path}: ${figures.join(', ')}`)
}
