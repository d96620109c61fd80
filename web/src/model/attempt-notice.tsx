import type { OnnxRefusal } from 'convmark/formats'
import { useTexts } from '../texts/index.ts'
import { DataTable } from '../ui/data-table.tsx'
import { Notice } from '../ui/notice.tsx'
import { SizeForm } from './size-form.tsx'
import { type Attempt, useModel } from './use-model.ts'

/** Why the latest file is not the network, and what can be done. */
export function AttemptNotice({ attempt }: { readonly attempt: Attempt }) {
  const { model: texts, failed } = useTexts()
  const { resize, dismiss } = useModel()
  const { file } = attempt.request
  return (
    <>
      {attempt.kind === 'failed' && (
        <Notice level="bad">
          {attempt.message === '' ? failed('') : texts.failed(file.name, attempt.message)}
        </Notice>
      )}
      {attempt.kind === 'size' && (
        <>
          <Notice level="warn">{texts.asksSize(file.name)}</Notice>
          <SizeForm first="" submit={texts.read} onSize={resize} />
        </>
      )}
      {attempt.kind === 'data' && <Notice level="warn">{texts.asksData(file.name, attempt.missing)}</Notice>}
      {attempt.kind === 'refused' && <Refused name={file.name} refusals={attempt.refusals} />}
      <div class="actions">
        <button type="button" onClick={dismiss}>
          {texts.dismiss}
        </button>
      </div>
    </>
  )
}

/** All of them: nodes of one operator that are refused for one reason are a row. */
function Refused({ name, refusals }: { readonly name: string; readonly refusals: readonly OnnxRefusal[] }) {
  const { model: texts } = useTexts()
  const rows = new Map<
    string,
    { readonly operator: string; readonly why: string; readonly nodes: string[] }
  >()
  for (const { operator, node, why } of refusals) {
    const row = rows.get(`${operator}\n${why}`) ?? { operator, why, nodes: [] }
    row.nodes.push(node)
    rows.set(`${operator}\n${why}`, row)
  }
  return (
    <>
      <Notice level="bad">{texts.refused(name, refusals.length)}</Notice>
      <DataTable
        caption={texts.refusedTable}
        columns={[texts.operator, texts.why, texts.nodes]}
        rows={[...rows.values()].map(({ operator, why, nodes }) => [
          operator,
          why,
          `${nodes.length}: ${nodes.join(', ')}`,
        ])}
      />
    </>
  )
}
