import type { Result } from 'convmark/bench'
import { useState } from 'preact/hooks'
import { parseResultFile } from '../result/ask.ts'
import { useTexts } from '../texts/index.ts'
import { DropZone, FileButton } from '../ui/fields.tsx'
import { Notice } from '../ui/notice.tsx'

export interface NamedResult {
  readonly name: string
  readonly result: Result
}

interface BesideProps {
  readonly others: readonly NamedResult[]
  readonly onChange: (others: readonly NamedResult[]) => void
}

/** Result files of other machines or moments, to be seen beside this one's. */
export function Beside({ others, onChange }: BesideProps) {
  const { benchmark, chooseFile } = useTexts()
  const [fault, setFault] = useState<string | null>(null)
  async function open(file: File): Promise<void> {
    try {
      const result = await parseResultFile(file)
      onChange([...others.filter(({ name }) => name !== file.name), { name: file.name, result }])
      setFault(null)
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <DropZone label={benchmark.drop} onFile={open}>
      <h3>{benchmark.drop}</h3>
      <p class="quiet hint">{benchmark.dropHint}</p>
      <FileButton text={chooseFile} accept=".json,application/json" onFile={open} />
      {fault !== null && <Notice level="bad">{fault}</Notice>}
      <ul>
        {others.map(({ name, result: { environment } }) => (
          <li key={name} class="actions">
            <span>{benchmark.beside(name, environment.processor, environment.date.slice(0, 10))}</span>
            <button type="button" onClick={() => onChange(others.filter((each) => each.name !== name))}>
              {benchmark.remove(name)}
            </button>
          </li>
        ))}
      </ul>
    </DropZone>
  )
}
