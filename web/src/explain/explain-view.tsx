import { formatMs } from 'convmark/report'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { FIRST_NETWORK, type NetworkChoice, networkOf } from '../model/choice.ts'
import { useModel } from '../model/use-model.ts'
import { useTexts } from '../texts/index.ts'
import { DropZone, FileButton, SelectField } from '../ui/fields.tsx'
import { Notice } from '../ui/notice.tsx'
import { LayerCard } from './layer-card.tsx'
import { readPicture, samplePicture } from './picture.ts'
import { pictureInputOf } from './picture-input.ts'
import { ORDERS, type PixelValues, SCALE_NAMES } from './pixels.ts'
import { useMaps } from './use-maps.ts'

/** The user's network, else AlexNet. */
export function ExplainView() {
  const { model } = useModel()
  const choice: NetworkChoice = model ? { kind: 'file', model } : { kind: 'named', name: FIRST_NETWORK }
  const [file, setFile] = useState<File | null>(null)
  return <Explanation key={model} choice={choice} file={file} onFile={setFile} />
}

interface ExplanationProps {
  readonly choice: NetworkChoice
  /** The user's picture; null is the built-in one. */
  readonly file: File | null
  readonly onFile: (file: File | null) => void
}

function Explanation({ choice, file, onFile }: ExplanationProps) {
  const { explain, failed } = useTexts()
  const isOwn = choice.kind === 'file'
  const network = useMemo(() => networkOf(choice), [])
  const input = useMemo(() => pictureInputOf(network), [network])
  const [picture, setPicture] = useState<ImageData | null>(null)
  const [values, setValues] = useState<PixelValues>({ scale: isOwn ? 'imagenet' : 'small', order: 'rgb' })
  const [fault, setFault] = useState<string | null>(null)
  const { computed, failure, watch } = useMaps(choice, input, picture, values)

  useEffect(() => {
    if (!input) return
    let isLatest = true
    const read = file ? readPicture(file, input) : Promise.resolve(samplePicture(input))
    read.then((image) => isLatest && setPicture(image))
    return () => {
      isLatest = false
    }
  }, [file])

  async function open(chosen: File): Promise<void> {
    try {
      await readPicture(chosen, input!) // one that can't be read changes nothing
      onFile(chosen)
      setFault(null)
    } catch {
      setFault(explain.notAnImage(chosen.name))
    }
  }

  const title = file === null ? explain.sample : explain.yours(file.name)
  return (
    <>
      <section class="card">
        <p>{isOwn ? explain.introOwn(choice.model.fileName) : explain.intro}</p>
        {input ? (
          <DropZone label={explain.picture} onFile={open}>
            <div class="with-picture">
              {picture && <PictureCanvas picture={picture} label={title} />}
              <div>
                <h2>{title}</h2>
                <p class="quiet hint">
                  {explain.inputText(input.height, input.width, input.channels)}{' '}
                  {isOwn ? explain.weightsOwn : explain.weights}
                </p>
                {isOwn && (
                  <div class="fields">
                    <SelectField
                      label={explain.scale}
                      value={values.scale}
                      options={SCALE_NAMES.map((name) => [name, explain.scales[name]])}
                      onChange={(scale) => setValues({ ...values, scale })}
                    />
                    {input.channels === 3 && (
                      <SelectField
                        label={explain.order}
                        value={values.order}
                        options={ORDERS.map((name) => [name, explain.orders[name]])}
                        onChange={(order) => setValues({ ...values, order })}
                      />
                    )}
                  </div>
                )}
                <div class="actions">
                  <FileButton text={explain.choose} accept="image/*" onFile={open} />
                  {file !== null && (
                    <button type="button" onClick={() => onFile(null)}>
                      {explain.sample}
                    </button>
                  )}
                  <span class="quiet hint">{explain.dropHint}</span>
                </div>
              </div>
            </div>
            {fault !== null && <Notice level="bad">{fault}</Notice>}
          </DropZone>
        ) : (
          <Notice level="warn">{explain.noPicture}</Notice>
        )}
        {failure !== null && <Notice level="bad">{failed(failure)}</Notice>}
        <p class="status" role="status">
          {computed
            ? explain.computed(formatMs(computed.elapsedMs), computed.threads)
            : input && failure === null && explain.computing}
        </p>
      </section>
      {network.layers
        .filter(({ isLoss }) => !isLoss)
        .map((resolved) => {
          const { name } = resolved.layer
          return (
            <LayerCard
              key={name}
              network={network}
              resolved={resolved}
              remark={isOwn ? '' : (explain.remarks[name] ?? '')}
              watch={watch}
            />
          )
        })}
    </>
  )
}

function PictureCanvas({ picture, label }: { readonly picture: ImageData; readonly label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => canvas.current!.getContext('2d')!.putImageData(picture, 0, 0), [picture])
  return (
    <canvas
      ref={canvas}
      class="picture"
      width={picture.width}
      height={picture.height}
      role="img"
      aria-label={label}
    />
  )
}
