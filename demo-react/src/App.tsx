import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { BehaviourPanel } from "./BehaviourPanel";
import { Composer } from "./Composer";
import { Flow } from "./Flow";
import { Guide } from "./Guide";
import { Header, Troubles } from "./Header";
import { READY_QUERIES } from "./queries";
import { SinksPanel } from "./SinksPanel";
import { type Query, SqlPanel } from "./SqlPanel";
import { fetchStatus, Stack, type StackConfig } from "./server";
import { TrailPanel } from "./TrailPanel";
import { useTrailFeed } from "./trail";
import { usePoll } from "./usePoll";

const STATUS_MS = 1500;

// Charts weigh more than all the rest, and the page is of use before they are there.
const ChartPanel = lazy(() =>
  import("./ChartPanel").then((module) => ({ default: module.ChartPanel })),
);

export function App({ stack }: { stack: StackConfig }) {
  useTrailFeed();
  const status = usePoll(fetchStatus, STATUS_MS);
  // It has run when somebody first looks at it.
  const [query, setQuery] = useState<Query>({ sql: READY_QUERIES["Latest 20 events"], run: 1 });
  const [hasAsked, setAsked] = useState(false);
  function ask(next: Query) {
    if (next.run !== query.run) setAsked(true);
    setQuery(next);
  }
  const hasRows = Boolean(status.value?.lake.rows);
  // Nobody has looked for an answer yet, and there is a better one.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only the first rows ask for it
  useEffect(() => {
    if (hasRows && !hasAsked) setQuery((query) => ({ ...query, run: query.run + 1 }));
  }, [hasRows]);
  const sqlPanel = useRef<HTMLDivElement>(null);
  const showInSql = useCallback((sql: string) => {
    setAsked(true);
    setQuery(({ run }) => ({ sql, run: run + 1 }));
    sqlPanel.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <Stack value={stack}>
      <div className="page">
        <div>
          <Header status={status} />
          <Troubles status={status} />
        </div>
        <main>
          <Guide hasAsked={hasAsked} hasReplay={stack.replays} />
          <Flow status={status.value} />
          <div className="columns">
            <div className="side">
              <Composer eventTypes={stack.event_types} />
              {stack.replays && <SinksPanel sinks={status.value?.sinks} />}
            </div>
            <div className="panels">
              <TrailPanel status={status.value} onQuery={showInSql} />
              <Suspense fallback={<div className="card chart" />}>
                <ChartPanel eventTypes={stack.event_types} />
              </Suspense>
              <BehaviourPanel eventTypes={stack.event_types} />
              <SqlPanel query={query} onQuery={ask} panel={sqlPanel} />
            </div>
          </div>
        </main>
        <footer className="bottom">
          <span>
            App <code>{stack.app_id}</code>
          </span>
          <span>
            Edge <code>{stack.edge}</code>
          </span>
          <span>
            Stream <code>{stack.stream}</code>
          </span>
          <span>
            Lake <code>{stack.lake}</code>
          </span>
        </footer>
      </div>
    </Stack>
  );
}
