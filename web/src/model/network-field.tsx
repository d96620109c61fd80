import { useEffect } from 'preact/hooks'
import { useTexts } from '../texts/index.ts'
import { SelectField } from '../ui/fields.tsx'
import { NETWORKS, type NetworkChoice, OWN_FILE } from './choice.ts'
import type { Model } from './model.ts'
import { useModel } from './use-model.ts'

/** The user's file. It becomes a view's network when it was read. */
export function useOwnNetwork(onOwn: (field: string) => void): Model | null {
  const { model } = useModel()
  useEffect(() => {
    if (model) onOwn(OWN_FILE)
  }, [model])
  return model
}

interface NetworkFieldProps {
  readonly choice: NetworkChoice
  readonly disabled: boolean
  readonly onChange: (field: string) => void
}

export function NetworkField({ choice, disabled, onChange }: NetworkFieldProps) {
  const { settings, model: texts } = useTexts()
  const { model } = useModel()
  return (
    <SelectField
      label={settings.network}
      value={choice.kind === 'file' ? OWN_FILE : choice.name}
      options={[
        ...(model ? [[OWN_FILE, texts.own(model.fileName)] as const] : []),
        ...NETWORKS.map((name) => [name, name] as const),
      ]}
      disabled={disabled}
      onChange={onChange}
    />
  )
}
