import { useState } from 'preact/hooks'
import { parseInteger } from '../settings.ts'
import { useTexts } from '../texts/index.ts'
import { TextField } from '../ui/fields.tsx'
import type { ImageSize } from './model.ts'

interface SizeFormProps {
  readonly first: string
  /** The button's text. */
  readonly submit: string
  readonly onSize: (size: ImageSize) => void
}

/** Asks for the size of images: one number, or height and width. */
export function SizeForm({ first, submit, onSize }: SizeFormProps) {
  const { model: texts } = useTexts()
  const [text, setText] = useState(first)
  const size = parseSize(text)
  return (
    <form
      class="fields size"
      onSubmit={(event) => {
        event.preventDefault()
        if (size !== null) onSize(size)
      }}
    >
      <TextField
        label={texts.size}
        value={text}
        placeholder={texts.sizeHint}
        inputMode="text"
        fault={size === null && text !== '' ? texts.badSize(MOST) : null}
        onInput={setText}
      />
      <button type="submit" disabled={size === null || text === first}>
        {submit}
      </button>
    </form>
  )
}

const MOST = 8192

/** `224`, `320x512`, `320 × 512`; null for anything else. */
function parseSize(text: string): ImageSize | null {
  const sides = text.split(/[x×]/i).map((side) => parseInteger(side, { least: 1, most: MOST }))
  const [height, width = height] = sides
  if (sides.length > 2 || height == null || width == null) return null
  return [height, width]
}
