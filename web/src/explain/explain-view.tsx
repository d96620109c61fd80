import { alexnet } from 'convmark'
import { formatMs } from 'convmark/report'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { DropZone, FileButton } from '../ui/fields.tsx'
import { Notice } from '../ui/notice.tsx'
import { useTaskRunner } from '../work/use-task.ts'
import type { ExplainEvent, ExplainRequest } from './explain-work.ts'
import { LayerCard } from './layer-card.tsx'
import { PICTURE_SIZE, readPicture, samplePicture } from './picture.ts'

const network = alexnet()

/** A picture, and what to call it; null is the built-in one. */
interface Picture {
  readonly name: string | null
  readonly image: ImageData
}

type Computed = Extract<ExplainEvent, { kind: 'computed' }>

export function ExplainView() {
  const { explain, failed } = useTexts()
  const runner = useTaskRunner<ExplainRequest, ExplainEvent>('explain')
  const [picture, setPicture] = useState<Picture>(() => ({ name: null, image: samplePicture() }))
  const [activations, setActivations] = useState<Readonly<Record<string, Float32Array>>>({})
  const [computed, setComputed] = useState<Computed | null>(null)
  const [fault, setFault] = useState<string | null>(null)

  useEffect(() => {
    let isLatest = true
    setComputed(null)
    runner.whenIdle().then(async () => {
      if (!isLatest) return
      const end = await runner.run({ pixels: picture.image.data }, (events) => {
        if (!isLatest) return
        for (const event of events) {
          if (event.kind === 'computed') setComputed(event)
          else setActivations((before) => ({ ...before, [event.layer]: event.values }))
        }
      })
      if (isLatest && end.kind === 'failed') setFault(failed(end.message))
    })
    return () => {
      isLatest = false
    }
  }, [picture, runner])

  async function open(file: File): Promise<void> {
    try {
      setPicture({ name: file.name, image: await readPicture(file) })
      setFault(null)
    } catch {
      setFault(explain.notAnImage(file.name))
    }
  }

  return (
    <>
      <section class="card">
        <p>{explain.intro}</p>
        <DropZone label={explain.picture} onFile={open}>
          <div class="with-picture">
            <PictureCanvas
              picture={picture}
              label={picture.name === null ? explain.sample : explain.yours(picture.name)}
            />
            <div>
              <h2>{picture.name === null ? explain.sample : explain.yours(picture.name)}</h2>
              <p class="quiet hint">
                {explain.inputText} {explain.weights}
              </p>
              <div class="actions">
                <FileButton text={explain.choose} accept="image/*" onFile={open} />
                {picture.name !== null && (
                  <button type="button" onClick={() => setPicture({ name: null, image: samplePicture() })}>
                    {explain.sample}
                  </button>
                )}
                <span class="quiet hint">{explain.dropHint}</span>
              </div>
            </div>
          </div>
          {fault !== null && <Notice level="bad">{fault}</Notice>}
        </DropZone>
        <p class="status" role="status">
          {computed
            ? explain.computed(formatMs(computed.elapsedMs), computed.threads)
            : fault === null && explain.computing}
        </p>
      </section>
      {network.layers
        .filter(({ isLoss }) => !isLoss)
        .map((resolved) => (
          <LayerCard
            key={resolved.layer.name}
            network={network}
            resolved={resolved}
            activations={activations[resolved.layer.name] ?? null}
          />
        ))}
    </>
  )
}

function PictureCanvas({ picture, label }: { readonly picture: Picture; readonly label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => canvas.current!.getContext('2d')!.putImageData(picture.image, 0, 0), [picture])
  return (
    <canvas
      ref={canvas}
      class="picture"
      width={PICTURE_SIZE}
      height={PICTURE_SIZE}
      role="img"
      aria-label={label}
    />
  )
}
