import { useState } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { FilesButton } from '../ui/fields.tsx'
import { Notice } from '../ui/notice.tsx'
import { AttemptNotice } from './attempt-notice.tsx'
import type { Model } from './model.ts'
import { ModelFacts, ModelSummary, NodeFates } from './model-facts.tsx'
import { SizeForm } from './size-form.tsx'
import { useModel } from './use-model.ts'

/** The user's own network: where it is dropped or chosen, what it is, and what is wrong with a file that is none. */
export function ModelPanel() {
  const { model: texts } = useTexts()
  const { model, attempt, fault, isOver, open, resize, remove } = useModel()
  // While a file is read, also the same one for images of another size, the details are away; then they are as they were.
  const [isOpen, setOpen] = useState(false)
  const isReading = attempt?.kind === 'reading'
  return (
    <section class={isOver ? 'card over' : 'card'} aria-labelledby="model-heading">
      <h2 id="model-heading">{model?.fileName ?? texts.heading}</h2>
      {!model && <p>{texts.intro}</p>}
      <p class="status" role="status">
        {isReading ? texts.reading(attempt.request.file.name) : model ? texts.chosen : ''}
      </p>
      {isReading && <progress aria-label={texts.reading(attempt.request.file.name)} />}
      {attempt && !isReading && <AttemptNotice attempt={attempt} />}
      {fault !== null && <Notice level="bad">{texts.faults[fault]}</Notice>}
      {model && !attempt && (
        <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            <ModelSummary model={model} />
          </summary>
          <ModelFacts model={model} />
          <NodeFates nodes={model.notes.nodes} />
          <SizeForm key={sizeOf(model)} first={sizeOf(model)} submit={texts.resize} onSize={resize} />
        </details>
      )}
      <div class="actions">
        <FilesButton text={model ? texts.another : texts.choose} onFiles={open} />
        {model && (
          <button type="button" onClick={remove}>
            {texts.remove(model.fileName)}
          </button>
        )}
        {!model && <span class="quiet hint">{texts.withData}</span>}
      </div>
    </section>
  )
}

/** Of its images, as the field has it: `320 x 512`; empty if it has none. */
function sizeOf({ network }: Model): string {
  const image = Object.values(network.inputs).find(({ length }) => length === 3)
  return image ? `${image[0]} x ${image[1]}` : ''
}
