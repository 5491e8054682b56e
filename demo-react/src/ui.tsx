// The page's own small parts.

import type { Violation } from "forebay";
import {
  type ComponentProps,
  type KeyboardEvent,
  type ReactNode,
  useId,
  useRef,
  useState,
} from "react";

const ICONS = {
  arrow: "M3.5 8h9M9 4.5 12.5 8 9 11.5",
  check: "m3.5 8.5 3 3 6-7",
  chevron: "m6 4 4 4-4 4",
  cross: "m4.5 4.5 7 7m0-7-7 7",
  play: "M5.5 3.8v8.4L12 8z",
  plus: "M8 3.5v9M3.5 8h9",
  refresh: "M12.8 8A4.8 4.8 0 1 1 11 4.3M11.2 2v2.6H8.6",
  spark:
    "M8 2.5v3m0 5v3M2.5 8h3m5 0h3M4.3 4.3l1.8 1.8m3.8 3.8 1.8 1.8m0-7.4L9.9 6.1M6.1 9.9l-1.8 1.8",
  warning: "M8 5.5v3.2m0 2.1v.1M8 2.3l6 10.7H2z",
} as const;

export function Icon({ name }: { name: keyof typeof ICONS }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICONS[name]} />
    </svg>
  );
}

export function Card(props: {
  title: string;
  hint?: ReactNode;
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section className={`card ${props.className ?? ""}`} aria-labelledby={id}>
      <header className="card-head">
        <div>
          <h2 id={id}>{props.title}</h2>
          {props.hint && <p className="hint">{props.hint}</p>}
        </div>
        {props.actions && <div className="card-actions">{props.actions}</div>}
      </header>
      {props.children}
    </section>
  );
}

export function Empty(props: { title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{props.title}</p>
      <p>{props.children}</p>
      {props.action}
    </div>
  );
}

/** A label above its control, with what is wrong with the value below. */
export function Field(props: {
  label: string;
  optional?: boolean;
  violations?: readonly Violation[];
  children: (attributes: {
    id: string;
    "aria-invalid"?: true;
    "aria-describedby"?: string;
  }) => ReactNode;
}) {
  const id = useId();
  const violations = props.violations ?? [];
  const wrong = violations.length > 0;
  return (
    <div className="field">
      <label htmlFor={id}>
        {props.label}
        {props.optional && <span className="optional">optional</span>}
      </label>
      {props.children({
        id,
        ...(wrong && { "aria-invalid": true, "aria-describedby": `${id}-wrong` }),
      })}
      {wrong && (
        <ul className="violations" id={`${id}-wrong`}>
          {violations.map((violation) => (
            <li key={violation.path + violation.rule}>
              Expected {violation.expected}, got {violation.actual}.
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** One of a few values, all in sight. */
export function Choice<T extends string>(props: {
  label: string;
  values: readonly T[];
  value: T;
  onChange: (value: T) => void;
  hideLabel?: boolean;
}) {
  const name = useId();
  return (
    <fieldset className="choice">
      <legend className={props.hideLabel ? "visually-hidden" : undefined}>{props.label}</legend>
      <div className="segments">
        {props.values.map((value) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              checked={value === props.value}
              onChange={() => props.onChange(value)}
            />
            <span>{value}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Switch(props: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        aria-checked={props.checked}
        checked={props.checked}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <span className="switch-track" aria-hidden="true" />
      {props.label}
    </label>
  );
}

export function IconButton({
  label,
  icon,
  ...rest
}: { label: string; icon: keyof typeof ICONS } & ComponentProps<"button">) {
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}

/** Panels of which one is shown; arrow keys, Home and End move between their tabs. */
export function Tabs({ label, tabs }: { label: string; tabs: Record<string, ReactNode> }) {
  const id = useId();
  const names = Object.keys(tabs);
  const [shown, setShown] = useState(names[0] ?? "");
  const list = useRef<HTMLDivElement>(null);

  function move(event: KeyboardEvent) {
    const at = names.indexOf(shown);
    const target = {
      ArrowRight: (at + 1) % names.length,
      ArrowLeft: (at + names.length - 1) % names.length,
      Home: 0,
      End: names.length - 1,
    }[event.key];
    const name = target === undefined ? undefined : names[target];
    if (target === undefined || name === undefined) return;
    event.preventDefault();
    setShown(name);
    list.current?.querySelectorAll("button")[target]?.focus();
  }

  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={move}>
        {names.map((name, i) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-tab-${i}`}
            aria-controls={`${id}-panel-${i}`}
            aria-selected={name === shown}
            tabIndex={name === shown ? 0 : -1}
            onClick={() => setShown(name)}
          >
            {name}
          </button>
        ))}
      </div>
      {names.map((name, i) => (
        <div
          key={name}
          role="tabpanel"
          id={`${id}-panel-${i}`}
          aria-labelledby={`${id}-tab-${i}`}
          hidden={name !== shown}
        >
          {tabs[name]}
        </div>
      ))}
    </>
  );
}
