// A drawing as MNIST has its digits: 28 x 28 bytes, white on black, within 20 x 20, its centre of mass in the middle.
import { SIZE } from './mnist-subset.ts'

/** Of the digit itself, without the margin. Source: LeCun et al. 1998, section III A. */
const DIGIT_SIZE = 20

/** Null where nothing is drawn. */
export function toDigit(drawing: HTMLCanvasElement): Uint8Array | null {
  const box = inkBox(drawing)
  if (!box) return null
  const scale = DIGIT_SIZE / Math.max(box.width, box.height)
  const [width, height] = [box.width * scale, box.height * scale]
  const draw = (left: number, top: number): Uint8Array => {
    const canvas = document.createElement('canvas')
    canvas.width = SIZE
    canvas.height = SIZE
    const context = canvas.getContext('2d', { willReadFrequently: true })!
    context.fillRect(0, 0, SIZE, SIZE)
    context.imageSmoothingQuality = 'high'
    context.drawImage(drawing, box.left, box.top, box.width, box.height, left, top, width, height)
    return greys(context, SIZE, SIZE)
  }
  const [left, top] = [(SIZE - width) / 2, (SIZE - height) / 2]
  const [x, y] = centreOfMass(draw(left, top))
  return draw(left + SIZE / 2 - x, top + SIZE / 2 - y)
}

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

const INK = 32

function inkBox(drawing: HTMLCanvasElement): Box | null {
  const { width, height } = drawing
  const pixels = greys(drawing.getContext('2d', { willReadFrequently: true })!, width, height)
  const inked = [...pixels.keys()].filter((i) => pixels[i]! > INK)
  if (inked.length === 0) return null
  const columns = inked.map((i) => i % width)
  const rows = inked.map((i) => Math.floor(i / width))
  const [left, top] = [min(columns), min(rows)]
  return { left, top, width: max(columns) + 1 - left, height: max(rows) + 1 - top }
}

const min = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b))
const max = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b))

function greys(context: CanvasRenderingContext2D, width: number, height: number): Uint8Array {
  const { data } = context.getImageData(0, 0, width, height)
  return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]!)
}

/** In points; of a drawing that has ink. */
function centreOfMass(pixels: Uint8Array): readonly [x: number, y: number] {
  let [mass, x, y] = [0, 0, 0]
  pixels.forEach((ink, i) => {
    mass += ink
    x += ink * ((i % SIZE) + 0.5)
    y += ink * (Math.floor(i / SIZE) + 0.5)
  })
  return [x / mass, y / mass]
}
