import { formatPercent } from 'convmark/report'
import { useEffect, useRef } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { Bars } from '../ui/bars.tsx'
import { toDigit } from './drawing.ts'
import { SIZE } from './mnist-subset.ts'

interface DrawPanelProps {
  /** Whether there is a model that can be asked, and nothing else under way. */
  readonly canAsk: boolean
  readonly hasModel: boolean
  /** A test digit to be shown, in the place of a drawing. */
  readonly testDigit: { readonly pixels: Uint8Array; readonly label: number } | null
  readonly probabilities: readonly number[] | null
  /** The answer is on its way. */
  readonly isAsking: boolean
  /** Null: the drawing was cleared. */
  readonly onDigit: (pixels: Uint8Array | null) => void
  readonly onTakeTestDigit: () => void
}

const POINTS = 224
const PEN = 18

/** A place to draw a digit, and what the network says it is. */
export function DrawPanel(props: DrawPanelProps) {
  const { canAsk, hasModel, testDigit, probabilities, isAsking, onDigit, onTakeTestDigit } = props
  const { train } = useTexts()
  const canvas = useRef<HTMLCanvasElement>(null)
  const last = useRef<readonly [number, number] | null>(null)
  const context = () => canvas.current!.getContext('2d', { willReadFrequently: true })!

  useEffect(() => {
    if (testDigit) show(context(), testDigit.pixels)
  }, [testDigit])

  function draw(event: PointerEvent): void {
    const { left, top, width } = canvas.current!.getBoundingClientRect()
    const scale = POINTS / width
    const place = [(event.clientX - left) * scale, (event.clientY - top) * scale] as const
    const pen = context()
    pen.strokeStyle = '#fff'
    pen.lineWidth = PEN
    pen.lineCap = 'round'
    pen.beginPath()
    pen.moveTo(...(last.current ?? place))
    pen.lineTo(...place)
    pen.stroke()
    last.current = place
  }

  function finish(): void {
    if (!last.current) return
    last.current = null
    onDigit(toDigit(canvas.current!))
  }

  const best = probabilities?.indexOf(Math.max(...probabilities))
  return (
    <section class="card">
      <h2>{train.draw}</h2>
      <p class="quiet hint">{train.drawHint}</p>
      <div class="with-picture">
        <div class="drawing-place">
          <canvas
            ref={canvas}
            class="drawing"
            width={POINTS}
            height={POINTS}
            role="img"
            aria-label={train.canvas}
            onPointerDown={(event) => {
              canvas.current!.setPointerCapture(event.pointerId)
              draw(event)
            }}
            onPointerMove={(event) => last.current && draw(event)}
            onPointerUp={finish}
            onPointerCancel={finish}
          />
          <div class="actions">
            <button
              type="button"
              onClick={() => {
                context().clearRect(0, 0, POINTS, POINTS)
                onDigit(null)
              }}
            >
              {train.clear}
            </button>
            <button type="button" disabled={!canAsk} onClick={onTakeTestDigit}>
              {train.takeTestDigit}
            </button>
          </div>
        </div>
        <div>
          <p class="answer" role="status">
            {probabilities && best !== undefined
              ? train.sees(best, formatPercent(probabilities[best]!))
              : hasModel
                ? isAsking
                  ? train.asking
                  : train.nothingDrawn
                : train.untrained}
          </p>
          {testDigit && probabilities && <p class="quiet">{train.label(testDigit.label)}</p>}
          {probabilities && (
            <Bars
              label={train.probabilities}
              isCompact
              bars={probabilities.map((probability, digit) => ({
                name: String(digit),
                parts: [{ name: 'probability', value: probability, text: formatPercent(probability) }],
              }))}
            />
          )}
        </div>
      </div>
    </section>
  )
}

/** A digit of the data set, as large as a drawing. */
function show(context: CanvasRenderingContext2D, pixels: Uint8Array): void {
  const image = new ImageData(SIZE, SIZE)
  pixels.forEach((grey, i) => {
    image.data.set([grey, grey, grey, 255], 4 * i)
  })
  const small = document.createElement('canvas')
  small.width = SIZE
  small.height = SIZE
  small.getContext('2d')!.putImageData(image, 0, 0)
  context.imageSmoothingEnabled = false
  context.drawImage(small, 0, 0, POINTS, POINTS)
}
