import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface SelectProps<T extends string> {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, text: string])[]
  readonly disabled?: boolean
  readonly onChange: (value: T) => void
}

export function SelectField<T extends string>({ label, value, options, disabled, onChange }: SelectProps<T>) {
  return (
    <label class="field">
      <span>{label}</span>
      <select
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.value as T)}
      >
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

interface TextFieldProps {
  readonly label: string
  readonly value: string
  /** What an empty field means. */
  readonly placeholder?: string
  /** What is wrong with the value, as a sentence. */
  readonly fault?: string | null
  readonly disabled?: boolean
  readonly inputMode?: 'numeric' | 'decimal' | 'text'
  readonly onInput: (value: string) => void
}

/** For numbers as well: what was typed stays as it is, and what is wrong with it is said. */
export function TextField({
  label,
  value,
  placeholder,
  fault,
  disabled,
  inputMode = 'numeric',
  onInput,
}: TextFieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        inputMode={inputMode}
        autocomplete="off"
        value={value}
        placeholder={placeholder}
        disabled={disabled}
        aria-invalid={fault ? true : undefined}
        aria-describedby={fault ? `${id}-note` : undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {fault && (
        <small id={`${id}-note`} class="bad">
          {fault}
        </small>
      )}
    </div>
  )
}

interface FilesButtonProps {
  readonly text: string
  /** What the chooser offers, where not all files. */
  readonly accept?: string
  readonly disabled?: boolean
  readonly isSingle?: boolean
  readonly onFiles: (files: readonly File[]) => void
}

/** A file chooser that looks and works as a button does. */
export function FilesButton({ text, accept, disabled, isSingle = false, onFiles }: FilesButtonProps) {
  return (
    <label class="button">
      <input
        type="file"
        class="unseen"
        accept={accept}
        multiple={!isSingle}
        disabled={disabled}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])]
          event.currentTarget.value = '' // the same file may be chosen again
          if (files.length > 0) onFiles(files)
        }}
      />
      {text}
    </label>
  )
}

interface FileButtonProps extends Omit<FilesButtonProps, 'isSingle' | 'onFiles'> {
  readonly onFile: (file: File) => void
}

/** For one file. */
export const FileButton = ({ onFile, ...others }: FileButtonProps) => (
  <FilesButton {...others} isSingle={true} onFiles={([file]) => onFile(file!)} />
)

/** Takes files that are dropped on its contents. */
export function DropZone({
  label,
  onFile,
  children,
}: {
  readonly label: string
  readonly onFile: (file: File) => void
  readonly children: ComponentChildren
}) {
  return (
    // What can be dropped can be chosen by a button inside as well
    <section
      class="drop"
      aria-label={label}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        const file = event.dataTransfer?.files[0]
        if (file) onFile(file)
      }}
    >
      {children}
    </section>
  )
}
