import type { AnalyticsEvent } from "forebay";
import { type SubmitEvent, useId, useMemo, useRef, useState } from "react";
import { piecePlayedEvent } from "../forebay.gen";
import { sampleEvent } from "../samples";
import { useTracedRecord } from "../trail";
import { Field, Icon, IconButton } from "../ui";
import { useViolations } from "../useViolations";
import { FormFoot } from "./FormFoot";

interface Row {
  key: number;
  name: string;
  value: string;
}

interface Props {
  /** Names to choose from. */
  eventTypes: readonly string[];
  immediate: boolean;
  onImmediate: (immediate: boolean) => void;
}

const START = piecePlayedEvent({ piece: "Clair de lune", minutes: 25.5, completed: true });

/** Any event at all: what the schema has against it is told while it is written. */
export function CustomForm(props: Props) {
  const lastKey = useRef(0);
  const toRows = (values: object = {}): Row[] =>
    Object.entries(values)
      // What is null is left out when it is sent.
      .filter(([, value]) => value !== null)
      .map(([name, value]) => ({ ...newRow(), name, value: String(value) }));
  const newRow = (): Row => {
    lastKey.current += 1;
    return { key: lastKey.current, name: "", value: "" };
  };
  const [name, setName] = useState<string>(START.name);
  const [attributes, setAttributes] = useState(() => toRows(START.attributes));
  const [metrics, setMetrics] = useState(() => toRows(START.metrics));
  const [receipt, setReceipt] = useState<string>();
  const record = useTracedRecord();
  const event = useMemo(
    (): AnalyticsEvent => ({
      name,
      attributes: toObject(attributes, String),
      // An empty text would count as 0.
      metrics: toObject(metrics, (value) => (value.trim() ? Number(value) : Number.NaN)),
    }),
    [name, attributes, metrics],
  );
  const violations = useViolations(event);
  const types = useId();

  function submit(submitted: SubmitEvent) {
    submitted.preventDefault();
    setReceipt(record({ ...event, immediate: props.immediate }).id);
  }

  function fillIn() {
    const sample = sampleEvent();
    setName(sample.name);
    setAttributes(toRows(sample.attributes));
    setMetrics(toRows(sample.metrics));
  }

  return (
    <form className="form" onSubmit={submit} noValidate>
      <div className="form-fields">
        <Field label="Event type">
          {(field) => (
            <input
              {...field}
              type="text"
              list={types}
              autoComplete="off"
              spellCheck={false}
              value={name}
              onChange={(change) => setName(change.target.value)}
            />
          )}
        </Field>
        <datalist id={types}>
          {props.eventTypes.map((type) => (
            <option key={type} value={type} />
          ))}
        </datalist>
        <Rows
          title="Attributes"
          kind="attribute"
          rows={attributes}
          onChange={setAttributes}
          newRow={newRow}
        />
        <Rows title="Metrics" kind="metric" rows={metrics} onChange={setMetrics} newRow={newRow} />
        <button type="button" className="link" onClick={fillIn}>
          Fill in another event
        </button>
      </div>
      <div className="form-foot">
        {" "}
        <div className="verdict" role="status" data-valid={violations.length === 0}>
          {violations.length === 0 ? (
            <p>
              <Icon name="check" /> The schema has nothing against it.
            </p>
          ) : (
            <>
              <p>
                <Icon name="warning" /> The schema says no. Record it all the same and see it
                refused.
              </p>
              <ul>
                {violations.map(({ path, rule, expected, actual }) => (
                  <li key={path + rule}>
                    <code>{path}</code>
                    <span>
                      expected {expected}, got {actual}
                    </span>
                  </li>
                ))}
              </ul>
            </>
          )}
        </div>
        <FormFoot {...props} code={eventCode(event)} button="Record event" receipt={receipt} />
      </div>
    </form>
  );
}

function Rows(props: {
  title: string;
  kind: string;
  rows: Row[];
  onChange: (rows: Row[]) => void;
  newRow: () => Row;
}) {
  const { rows, onChange, kind } = props;
  const change = (key: number, part: Partial<Row>) =>
    onChange(rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  return (
    <fieldset className="rows">
      <legend>{props.title}</legend>
      {rows.map((row) => (
        <div className="row" key={row.key}>
          <input
            type="text"
            aria-label={`Name of the ${kind}`}
            placeholder="name"
            autoComplete="off"
            spellCheck={false}
            value={row.name}
            onChange={(event) => change(row.key, { name: event.target.value })}
          />
          <input
            type="text"
            aria-label={`Value of the ${kind} ${row.name}`}
            placeholder="value"
            autoComplete="off"
            spellCheck={false}
            inputMode={kind === "metric" ? "decimal" : undefined}
            value={row.value}
            onChange={(event) => change(row.key, { value: event.target.value })}
          />
          <IconButton
            label={`Remove the ${kind} ${row.name}`}
            icon="cross"
            onClick={() => onChange(rows.filter(({ key }) => key !== row.key))}
          />
        </div>
      ))}
      <button type="button" className="link" onClick={() => onChange([...rows, props.newRow()])}>
        <Icon name="plus" /> Add {kind}
      </button>
    </fieldset>
  );
}

function toObject<T>(rows: Row[], read: (value: string) => T): Record<string, T> {
  return Object.fromEntries(
    rows.filter(({ name }) => name).map((row) => [row.name, read(row.value)]),
  );
}

function eventCode({ name, attributes, metrics }: AnalyticsEvent): string {
  const members = [`name: ${JSON.stringify(name)}`];
  for (const [key, values] of Object.entries({ attributes, metrics })) {
    const entries = Object.entries(values ?? {});
    const literal = ([field, value]: [string, unknown]) =>
      `    ${/^[\w$]+$/.test(field) ? field : JSON.stringify(field)}: ${JSON.stringify(value)},`;
    if (entries.length > 0) members.push(`${key}: {\n${entries.map(literal).join("\n")}\n  }`);
  }
  return `record({\n${members.map((member) => `  ${member},`).join("\n")}\n});`;
}
