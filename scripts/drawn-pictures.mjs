// Draws a data set of textures that is small and hard to learn from nothing: each picture has its own colours, scale, direction, light and noise.
// node scripts/drawn-pictures.mjs FOLDER [TRAIN VAL TEST]: pictures of each class, 20, 20 and 40 by default.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'

const SIZE = 160
const BYTES = 3

/** Darkness from 0 to 1 at a point, in units of the texture's period. */
const TEXTURES = {
  bricks: (u, v) => {
    const row = Math.floor(v)
    const x = u / 2 + (row % 2) / 2
    return edge(Math.min(x - Math.floor(x), 1 - (x - Math.floor(x))) * 2, 0.09) || edge(nearest(v), 0.09)
  },
  honeycomb: (u, v) => {
    // The two nearest centres of a hexagonal grid are equally far away on an edge
    const far = hexagonCentres(u, v)
      .map(([x, y]) => Math.hypot(u - x, v - y))
      .sort((a, b) => a - b)
    return edge(far[1] - far[0], 0.14)
  },
  scales: (u, v) => {
    let last = 0
    for (const row of [Math.floor(v) + 1, Math.floor(v)]) {
      const shift = (((row % 2) + 2) % 2) / 2
      const distance = Math.hypot(u - (Math.round(u - shift) + shift), v - row)
      if (distance < 0.72 && v <= row + 0.72) last = edge(0.72 - distance, 0.13)
    }
    return last
  },
  stripes: (u, v) => edge(nearest(u + 0.35 * Math.sin(0.9 * v) + 0.2 * Math.sin(2.3 * v + u)), 0.24),
  web: (u, v) => {
    const [radius, angle] = [Math.hypot(u, v), (Math.atan2(v, u) * 7) / Math.PI]
    const sag = radius * (1 + 0.12 * Math.cos(2 * Math.PI * angle))
    return edge(nearest(angle) * radius * 0.45, 0.06) || edge(nearest(sag), 0.09)
  },
}

const edge = (distance, width) => (distance < width ? 1 : 0)
const nearest = (value) => Math.abs(value - Math.round(value))

function hexagonCentres(u, v) {
  const height = Math.sqrt(3) / 2
  const row = Math.round(v / height)
  return [-1, 0, 1].flatMap((step) => {
    const shift = (((row + step) % 2) + 2) % 2 ? 0.5 : 0
    return [-1, 0, 1].map((side) => [Math.round(u - shift) + shift + side, (row + step) * height])
  })
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** (SIZE, SIZE, 3), bytes. */
export function drawn(name, seed) {
  const random = randomFrom(seed)
  const between = (least, most) => least + (most - least) * random()
  const texture = TEXTURES[name]
  const period = between(14, 40)
  const turn = between(0, 2 * Math.PI)
  const [cos, sin] = [Math.cos(turn) / period, Math.sin(turn) / period]
  const [x0, y0] = [between(0.2, 0.8) * SIZE, between(0.2, 0.8) * SIZE]
  const colours = [0, 1].map(() => Array.from({ length: BYTES }, () => between(0, 255)))
  // Colours that are hardly different would hide the texture
  const lightness = colours.map((colour) => colour.reduce((sum, value) => sum + value) / BYTES)
  if (Math.abs(lightness[0] - lightness[1]) < 60)
    colours[1] = colours[1].map((value) => (lightness[0] > 127 ? value * 0.3 : 255 - (255 - value) * 0.3))
  const [light, lightTurn] = [between(0, 0.5), between(0, 2 * Math.PI)]
  const noise = between(0, 30)
  const spots = Array.from({ length: Math.floor(between(0, 4)) }, () => ({
    x: between(0, SIZE),
    y: between(0, SIZE),
    radius: between(8, 30),
    colour: Array.from({ length: BYTES }, () => between(0, 255)),
  }))
  const pixels = new Uint8Array(SIZE * SIZE * BYTES)
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      let dark = 0
      for (const [dx, dy] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ]) {
        const [px, py] = [x + dx - x0, y + dy - y0]
        dark += texture(px * cos + py * sin, py * cos - px * sin) / 4
      }
      const spot = spots.find((each) => Math.hypot(x - each.x, y - each.y) < each.radius)
      const shade =
        1 -
        light * (0.5 + ((x - SIZE / 2) * Math.cos(lightTurn) + (y - SIZE / 2) * Math.sin(lightTurn)) / SIZE)
      for (let c = 0; c < BYTES; c++) {
        const value = spot ? spot.colour[c] : colours[0][c] + (colours[1][c] - colours[0][c]) * dark
        pixels[(y * SIZE + x) * BYTES + c] = Math.max(
          0,
          Math.min(255, value * shade + noise * (random() - 0.5) * 2),
        )
      }
    }
  }
  return pixels
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** A PNG of 8 bits, red, green and blue, unfiltered. */
export function png(pixels, size = SIZE) {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const rows = Buffer.alloc(size * (size * BYTES + 1))
  for (let y = 0; y < size; y++)
    rows.set(pixels.subarray(y * size * BYTES, (y + 1) * size * BYTES), y * (size * BYTES + 1) + 1)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

export function writePictures(folder, counts) {
  let seed = 1
  for (const [split, count] of Object.entries(counts)) {
    for (const name of Object.keys(TEXTURES)) {
      mkdirSync(join(folder, split, name), { recursive: true })
      for (let i = 0; i < count; i++)
        writeFileSync(
          join(folder, split, name, `${String(i).padStart(4, '0')}.png`),
          png(drawn(name, seed++)),
        )
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder, train = 20, val = 20, test = 40] = process.argv.slice(2)
  if (folder === undefined) {
    console.error('node scripts/drawn-pictures.mjs FOLDER [TRAIN VAL TEST]')
    process.exit(2)
  }
  writePictures(folder, { train: Number(train), val: Number(val), test: Number(test) })
}
