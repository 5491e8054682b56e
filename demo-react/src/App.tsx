import { lazy, Suspense, useCallback, useRef, useState } from "react";
import { Composer } from "./Composer";
import { Flow } from "./Flow";
import { Header, Troubles } from "./Header";
import { READY_QUERIES } from "./queries";
import { SqlPanel } from "./SqlPanel";
import { fetchStatus, type StackConfig } from "./server";
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
  const [query, setQuery] = useState({ sql: READY_QUERIES["Latest 20 events"] as string, run: 0 });
  const sqlPanel = useRef<HTMLDivElement>(null);
  const showInSql = useCallback((sql: string) => {
    setQuery(({ run }) => ({ sql, run: run + 1 }));
    sqlPanel.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <div className="page">
      <div>
        <Header status={status} />
        <Troubles status={status} />
      </div>
      <main>
        <Flow status={status.value} />
        <div className="columns">
          <Composer eventTypes={stack.event_types} />
          <div className="panels">
            <TrailPanel status={status.value} onQuery={showInSql} />
            <Suspense fallback={<div className="card chart" />}>
              <ChartPanel eventTypes={stack.event_types} />
            </Suspense>
            <SqlPanel query={query} onQuery={setQuery} panel={sqlPanel} />
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
  );
}
