// Pictures as the network takes them: as high and wide as its input.

export interface PictureSize {
  readonly height: number
  readonly width: number
}

/**
 * The middle of a picture file, as large as it can be in these proportions, scaled. Rejects for what is not a picture
 * that this browser reads.
 */
export async function readPicture(file: File, size: PictureSize): Promise<ImageData> {
  const bitmap = await createImageBitmap(file)
  const picture = scaled(bitmap, size)
  bitmap.close()
  return picture
}

function scaled(source: ImageBitmap | HTMLCanvasElement, { height, width }: PictureSize): ImageData {
  const scale = Math.min(source.width / width, source.height / height)
  const [cutWidth, cutHeight] = [width * scale, height * scale]
  const [left, top] = [(source.width - cutWidth) / 2, (source.height - cutHeight) / 2]
  const context = contextOf({ height, width })
  context.imageSmoothingQuality = 'high'
  context.drawImage(source, left, top, cutWidth, cutHeight, 0, 0, width, height)
  return context.getImageData(0, 0, width, height)
}

/** The built-in picture is drawn in this size. */
const PICTURE_SIZE = 224

/** A house by a hill, drawn here: edges of all directions, textures, patches of colour, and no licence to be asked for. */
export function samplePicture(size: PictureSize): ImageData {
  const context = contextOf({ height: PICTURE_SIZE, width: PICTURE_SIZE })
  const sky = context.createLinearGradient(0, 0, 0, 140)
  sky.addColorStop(0, '#4a90d9')
  sky.addColorStop(1, '#d4e8f7')
  fill(context, sky, [0, 0, PICTURE_SIZE, PICTURE_SIZE])
  disc(context, '#ffd94d', 178, 42, 22)
  for (const [x, y, radius] of [
    [44, 40, 12],
    [60, 34, 16],
    [78, 41, 12],
  ] as const)
    disc(context, '#ffffff', x, y, radius)
  polygon(context, '#6b8fa8', [
    [0, 140],
    [52, 70],
    [104, 140],
  ])
  polygon(context, '#54788f', [
    [60, 140],
    [132, 84],
    [224, 140],
  ])
  fill(context, '#5da34a', [0, 136, PICTURE_SIZE, 88])
  for (let x = 0; x < PICTURE_SIZE; x += 8) {
    polygon(context, x % 16 === 0 ? '#4c8c3b' : '#6fb85a', [
      [x, 224],
      [x + 4, 188 + (x % 24)],
      [x + 8, 224],
    ])
  }
  fill(context, '#c9553b', [92, 118, 76, 62])
  for (let y = 124; y < 180; y += 8) fill(context, '#a9432c', [92, y, 76, 2])
  polygon(context, '#5b3a29', [
    [84, 120],
    [130, 78],
    [176, 120],
  ])
  fill(context, '#3b2a20', [120, 144, 20, 36])
  for (const x of [98, 146]) {
    fill(context, '#f4f1e4', [x, 130, 16, 16])
    fill(context, '#2d4a66', [x + 2, 132, 5, 12])
    fill(context, '#2d4a66', [x + 9, 132, 5, 12])
  }
  fill(context, '#6b4a2f', [34, 130, 10, 50])
  for (const [x, y] of [
    [39, 112],
    [26, 126],
    [52, 126],
  ] as const)
    disc(context, '#2f7a3a', x, y, 19)
  return scaled(context.canvas, size)
}

function contextOf({ height, width }: PictureSize): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas.getContext('2d', { willReadFrequently: true })!
}

type Fill = string | CanvasGradient

function fill(
  context: CanvasRenderingContext2D,
  style: Fill,
  [x, y, width, height]: readonly [number, number, number, number],
): void {
  context.fillStyle = style
  context.fillRect(x, y, width, height)
}

function disc(context: CanvasRenderingContext2D, style: Fill, x: number, y: number, radius: number): void {
  context.fillStyle = style
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}

function polygon(
  context: CanvasRenderingContext2D,
  style: Fill,
  points: readonly (readonly [number, number])[],
): void {
  context.fillStyle = style
  context.beginPath()
  for (const [x, y] of points) context.lineTo(x, y)
  context.fill()
}
