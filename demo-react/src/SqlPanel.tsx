import { type KeyboardEvent, type RefObject, useEffect, useId, useState } from "react";
import { highlightSql } from "./highlightSql";
import { READY_QUERIES, TABLES_QUERY } from "./queries";
import { type Cell, type QueryAnswer, runQuery } from "./server";
import { Card, Empty, Icon } from "./ui";

const RUN_KEYS = /Mac|iP(hone|ad)/.test(navigator.platform) ? "⌘ ↵" : "Ctrl ↵";

export interface Query {
  sql: string;
  /** Changes whenever the query is to be run without a press of the button. */
  run: number;
}

type Result = { state: "running" } | { error: string } | QueryAnswer;

/** SQL over the lake's Parquet files. */
export function SqlPanel(props: {
  query: Query;
  onQuery: (query: Query) => void;
  panel: RefObject<HTMLDivElement | null>;
}) {
  const { query, onQuery } = props;
  const [result, setResult] = useState<Result>({ state: "running" });

  // Only `run` asks for a run: writing must not.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    let current = true;
    setResult({ state: "running" });
    runQuery(query.sql).then(
      (answer) => current && setResult(answer),
      (error) => current && setResult({ error: error.message }),
    );
    return () => {
      current = false;
    };
  }, [query.run]);

  const run = (sql: string) => onQuery({ sql, run: query.run + 1 });
  function runByKey(event: KeyboardEvent) {
    if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    run(query.sql);
  }

  return (
    <div ref={props.panel} className="sql-anchor">
      <Card title="SQL" hint="DuckDB over the lake's Parquet files, read-only." className="sql">
        <ul className="ready" aria-label="Ready queries">
          {Object.entries(READY_QUERIES).map(([name, sql]) => (
            <li key={name}>
              <button
                type="button"
                className="chip"
                aria-pressed={sql === query.sql}
                onClick={() => run(sql)}
              >
                {name}
              </button>
            </li>
          ))}
        </ul>
        <Editor
          sql={query.sql}
          onChange={(sql) => onQuery({ ...query, sql })}
          onKeyDown={runByKey}
        />
        <div className="sql-actions">
          <button
            type="button"
            className="primary"
            onClick={() => run(query.sql)}
            disabled={"state" in result}
          >
            <Icon name="play" /> Run <kbd>{RUN_KEYS}</kbd>
          </button>
          <Summary result={result} />
        </div>
        <Outcome result={result} />
        <Tables />
      </Card>
    </div>
  );
}

/** A text area over the same text in colour. */
function Editor(props: {
  sql: string;
  onChange: (sql: string) => void;
  onKeyDown: (event: KeyboardEvent) => void;
}) {
  const id = useId();
  return (
    <div className="editor">
      <label className="visually-hidden" htmlFor={id}>
        SQL query
      </label>
      <div className="editor-layers">
        <pre aria-hidden="true">
          {highlightSql(props.sql)}
          {"\n"}
        </pre>
        <textarea
          id={id}
          value={props.sql}
          onChange={(event) => props.onChange(event.target.value)}
          onKeyDown={props.onKeyDown}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          wrap="off"
        />
      </div>
    </div>
  );
}

function Summary({ result }: { result: Result }) {
  let text = "";
  if ("state" in result) text = "Running…";
  if ("rows" in result) {
    const { rows, truncated, elapsed_ms } = result;
    const count = `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "row" : "rows"}`;
    text = `${truncated ? `first ${count}` : count} in ${Math.max(1, Math.round(elapsed_ms))} ms`;
  }
  return (
    <p className="summary" role="status">
      {text}
    </p>
  );
}

function Outcome({ result }: { result: Result }) {
  if ("error" in result) {
    return (
      <pre className="sql-error" role="alert">
        {result.error}
      </pre>
    );
  }
  if (!("rows" in result)) return null;
  if (result.rows.length === 0) {
    return (
      <Empty title="No rows">
        The query ran, and nothing matched. Rows arrive a few seconds after an event was accepted.
      </Empty>
    );
  }
  return <Rows answer={result} />;
}

function Rows({ answer: { columns, rows } }: { answer: QueryAnswer }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="result" aria-label="Result" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ name, type }, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a query may name two columns alike
              <th key={i} scope="col" data-numeric={isNumeric(type)}>
                {name} <span className="type">{shortType(type)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity and do not move
            <tr key={r}>
              {row.map((cell, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                <td key={i} data-numeric={isNumeric(columns[i]?.type ?? "")} title={longText(cell)}>
                  {cell === null ? <span className="null">NULL</span> : cellText(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What there is to query. */
function Tables() {
  const [tables, setTables] = useState<Map<string, string[]>>();
  async function load() {
    const { rows } = await runQuery(TABLES_QUERY);
    const found = new Map<string, string[]>();
    for (const [table, column, type] of rows.map((row) => row.map(String))) {
      if (!table) continue;
      found.set(table, [...(found.get(table) ?? []), `${column} ${shortType(type ?? "")}`]);
    }
    setTables(found);
  }
  const shared = new Set(tables?.get("events"));
  return (
    <details className="tables" onToggle={() => load().catch(() => setTables(undefined))}>
      <summary>
        <Icon name="chevron" /> Tables and columns
      </summary>
      <dl>
        {[...(tables ?? [])].map(([table, columns]) => {
          const own = columns.filter((column) => table === "events" || !shared.has(column));
          return (
            <div key={table}>
              <dt>
                {table}
                {own.length < columns.length && (
                  <span> the columns of events without data, and</span>
                )}
              </dt>
              <dd>{own.join(", ")}</dd>
            </div>
          );
        })}
      </dl>
    </details>
  );
}

function isNumeric(type: string) {
  return /INT|DOUBLE|FLOAT|DECIMAL/.test(type) && !/INTERVAL|\[|STRUCT|MAP/.test(type);
}

function shortType(type: string) {
  return type.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").toLowerCase();
}

function cellText(cell: Exclude<Cell, null>) {
  return typeof cell === "number" && !Number.isInteger(cell)
    ? `${Number(cell.toFixed(6))}`
    : `${cell}`;
}

/** The whole of a value that its cell cuts off. */
function longText(cell: Cell) {
  return typeof cell === "string" && cell.length > 40 ? cell : undefined;
}
