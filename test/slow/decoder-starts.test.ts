import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, it } from 'vitest'
import { gradient, jpegOf, pngOf, webpOf } from '../support/images.ts'
import { root } from '../support/package.ts'

// A decoder that can't start is no damaged image: the package as it is installed, with a part of it missing or broken.

// Its name is in the messages of what is missing, which are not of memory for that
const folder = mkdtempSync(join(tmpdir(), 'convmark-memory-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const packages = ['@cwasm', '@jsquash']
const installed = join(folder, 'node_modules')
mkdirSync(installed)
for (const name of readdirSync(join(root, 'node_modules'))) {
  const from = join(root, 'node_modules', name)
  if (packages.includes(name)) cpSync(from, join(installed, name), { recursive: true })
  else symlinkSync(from, join(installed, name))
}
cpSync(join(root, 'package.json'), join(folder, 'package.json'))
cpSync(join(root, 'dist'), join(folder, 'dist'), {
  recursive: true,
  filter: (path) => !path.startsWith(join(root, 'dist/web')),
})

const WORKER = 'dist/data/file-worker.js'

/** Brings back what a test took away or damaged. */
const mend = (): void => {
  for (const name of packages)
    cpSync(join(root, 'node_modules', name), join(installed, name), { recursive: true })
  cpSync(join(root, WORKER), join(folder, WORKER))
}
afterEach(mend)

const image = gradient(20, 20)
const formats = { jpeg: await jpegOf(image), png: await pngOf(image), webp: await webpOf(image) }
for (const [format, bytes] of Object.entries(formats)) {
  mkdirSync(join(folder, format, 'a'), { recursive: true })
  for (let i = 0; i < 10; i++) writeFileSync(join(folder, format, 'a', `${i}.${format}`), bytes)
}

const BINARIES = {
  jpeg: join(installed, '@cwasm/jpeg-turbo/jpeg-turbo.wasm'),
  png: join(installed, '@jsquash/png/codec/pkg/squoosh_png_bg.wasm'),
  webp: join(installed, '@jsquash/webp/codec/dec/webp_dec.wasm'),
}

/** Looks at folders of pictures, one after the other, and prints what comes of it. */
const SCRIPT = `
  const { channelStatistics, openDataset } = await import(${JSON.stringify(join(folder, 'dist/data/index.js'))})
  for (const format of process.argv.slice(1)) {
    const { train } = await openDataset('folder:' + format, { decoder: 'wasm' })
    const said = await channelStatistics(train, 3, { workers: 2 }).then(
      ({ mean }) => mean[0] > 0 ? 'fine' : mean[0],
      (error) => error.name + ' (' + error.exitCode + '): ' + error.message,
    )
    console.log(said)
  }`

const look = (...names: readonly string[]): string[] =>
  execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT, ...names], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
    .trimEnd()
    .split('\n')

const NAMES = { jpeg: 'JPEG (@cwasm/jpeg-turbo)', png: 'PNG (@jsquash/png)', webp: 'WebP (@jsquash/webp)' }
const all = ['jpeg', 'png', 'webp'] as const

it('a whole installation decodes', () => expect(look(...all)).toEqual(['fine', 'fine', 'fine']))

it.each([
  ['empty', 'is empty', ''],
  ['damaged', 'is damaged', 'no module at all'],
  ['missing', 'Cannot find module', null],
])('a binary that is %s is named, and what to do', (_, reason, content) => {
  for (const format of all) {
    const path = BINARIES[format]
    if (content === null) rmSync(path)
    else writeFileSync(path, content)
  }
  look(...all).forEach((said, i) => {
    const start = `UnavailableError (4): the decoder of ${NAMES[all[i]!]} can't start: `
    expect(said.startsWith(start)).toBe(true)
    expect(said).toContain(reason)
    expect(said).toMatch(/; install convmark and what it depends on again$/)
  })
})

it('so is a package that is not there, and a worker', () => {
  for (const name of packages) rmSync(join(installed, name), { recursive: true })
  look(...all).forEach((said, i) => {
    expect(said).toContain(`UnavailableError (4): the decoder of ${NAMES[all[i]!]} can't start: Cannot find `)
  })
  mend()
  rmSync(join(folder, WORKER))
  expect(look('jpeg')[0]).toMatch(
    /^ConvmarkError \(1\): image worker: there is no .*file-worker\.js: .*install it again/,
  )
})

// The system's way to limit it is Linux's; a WASM memory reserves 8 GB of addresses
it.skipIf(process.platform !== 'linux')('too little address space is named', () => {
  const limited = [
    '-c',
    'ulimit -v 8000000; exec "$@"',
    'sh',
    process.execPath,
    '--input-type=module',
    '-e',
    SCRIPT,
  ]
  const said = execFileSync('sh', [...limited, ...all], { cwd: folder, encoding: 'utf8' })
    .trimEnd()
    .split('\n')
  said.forEach((line, i) => {
    expect(line).toContain(`UnavailableError (4): the decoder of ${NAMES[all[i]!]} can't start: `)
    expect(line).toMatch(/; let the process have more memory and address space \(ulimit -v\)$/)
  })
})
