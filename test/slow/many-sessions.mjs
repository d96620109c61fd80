// Opens and disposes sessions one after another, in a process of its own, and prints what is mapped before and after:
// node --expose-gc many-sessions.mjs <sessions>
import { readFileSync } from 'node:fs'
import { conv, defineNetwork, openSession } from '../../dist/index.js'

const sessions = Number(process.argv[2])
const WARM_UP = 20

const network = defineNetwork('small', {
  inputs: { images: [64, 64, 16] },
  layers: [conv('a', { filters: 16, kernel: 3, padding: 'same' })],
})
const weights = new Float32Array(9 * 16 * 16).fill(1)
const biases = new Float32Array(16)
const images = new Float32Array(40 * 64 * 64 * 16).fill(1)

let during = 0

async function one() {
  const session = await openSession(network, { batch: 40, engine: 'x64@1', tuningCache: true })
  session.write({ 'a/weights': weights, 'a/biases': biases, images })
  await session.run()
  if (session.view('a').data[session.view('a').offset] !== 64) throw new Error('the session is wrong')
  during = mapped().executable
  await session.dispose()
}

/** Mapped by nobody but V8 and us: executable pages that belong to no file. */
function mapped() {
  globalThis.gc()
  const status = readFileSync('/proc/self/status', 'utf8')
  const kilobytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)[1])
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return {
    executable: maps.filter((line) => / r-xp 00000000 00:00 0\s*$/.test(line)).length,
    virtualMb: Math.round(kilobytes('VmSize') / 1024),
    residentMb: Math.round(kilobytes('VmRSS') / 1024),
  }
}

/** Until what V8 lets go in its own time is gone. */
async function settled() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return mapped()
}

for (let i = 0; i < WARM_UP; i++) await one()
const before = await settled()
for (let i = 0; i < sessions; i++) await one()
const after = await settled()
console.log(JSON.stringify({ before, during: { executable: during }, after }))
