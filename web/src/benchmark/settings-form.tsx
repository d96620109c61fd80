import type { NetworkChoice } from '../model/choice.ts'
import { NetworkField } from '../model/network-field.tsx'
import { linkTo } from '../route.ts'
import { useTexts } from '../texts/index.ts'
import { CopyLink } from '../ui/copy-link.tsx'
import { SelectField, TextField } from '../ui/fields.tsx'
import { type BenchmarkFields, CHARTS, ENGINES, PASSES, RANGES } from './settings.ts'

interface SettingsFormProps {
  readonly fields: BenchmarkFields
  readonly network: NetworkChoice
  readonly faults: readonly (keyof typeof RANGES)[]
  readonly isRunning: boolean
  readonly onChange: (fields: BenchmarkFields) => void
  readonly onRun: () => void
  readonly onStop: () => void
}

export function SettingsForm({
  fields,
  network,
  faults,
  isRunning,
  onChange,
  onRun,
  onStop,
}: SettingsFormProps) {
  const texts = useTexts()
  const { settings } = texts
  const set = (name: keyof BenchmarkFields) => (value: string) => onChange({ ...fields, [name]: value })
  const labels = {
    batch: settings.batch,
    batches: settings.batches,
    'burn-in': settings.burnIn,
    threads: settings.threads,
  }
  const number = (name: keyof typeof RANGES, placeholder?: string) => {
    const { least, most } = RANGES[name]
    return (
      <TextField
        label={labels[name]}
        value={fields[name]}
        {...(placeholder !== undefined && { placeholder })}
        fault={faults.includes(name) ? settings.bad(labels[name], least, most) : null}
        disabled={isRunning}
        onInput={set(name)}
      />
    )
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (!isRunning) onRun()
      }}
    >
      <fieldset class="fields">
        <legend>
          <h2 id="settings-heading">{settings.heading}</h2>
        </legend>
        <NetworkField choice={network} disabled={isRunning} onChange={set('network')} />
        <SelectField
          label={settings.engine}
          value={fields.engine}
          options={ENGINES.map((name) => [name, settings.engines[name]])}
          disabled={isRunning}
          onChange={set('engine')}
        />
        <SelectField
          label={settings.pass}
          value={fields.pass}
          options={PASSES.map((name) => [name, settings.passes[name]])}
          disabled={isRunning}
          onChange={set('pass')}
        />
        {number('batch')}
        {number('batches')}
        {number('burn-in')}
        {number('threads', settings.threadsHint)}
        <SelectField
          label={settings.charts}
          value={fields.charts}
          options={CHARTS.map((when) => [when, settings.drawn[when]])}
          disabled={isRunning}
          onChange={set('charts')}
        />
      </fieldset>
      <div class="actions">
        <button type="submit" class="main" disabled={isRunning || faults.length > 0}>
          {texts.benchmark.run}
        </button>
        <button type="button" onClick={onStop} disabled={!isRunning}>
          {texts.stop}
        </button>
        <CopyLink link={() => linkTo('benchmark', fields)} />
      </div>
    </form>
  )
}
