interface FieldProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  onChange(value: number): void;
}

/** A number with its slider. */
export function Field({ label, value, min, max, step = 1, onChange }: FieldProps) {
  return (
    <label className="field">
      <span>
        {label} <b>{value}</b>
      </span>
      <input
        type="range"
        aria-label={label}
        min={min}
        max={max}
        step={step}
        value={value}
        onChange={(event) => onChange(Number(event.target.value))}
      />
    </label>
  );
}
