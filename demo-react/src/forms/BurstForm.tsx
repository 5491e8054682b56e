import { type SubmitEvent, useState } from "react";
import { sampleEvent } from "../samples";
import { useTracedRecord } from "../trail";
import { Choice } from "../ui";

const SIZES = ["50", "500", "2000"] as const;

/** Many events at once: how record() feels under load, and how the queue drains. */
export function BurstForm() {
  const [size, setSize] = useState<(typeof SIZES)[number]>("500");
  const [result, setResult] = useState("");
  const record = useTracedRecord();

  function submit(event: SubmitEvent) {
    event.preventDefault();
    const samples = Array.from({ length: Number(size) }, sampleEvent);
    const started = performance.now();
    for (const sample of samples) record(sample);
    const elapsed = performance.now() - started;
    const each = ((elapsed * 1000) / samples.length).toFixed(0);
    setResult(`${size} calls of record() took ${elapsed.toFixed(1)} ms: ${each} µs each.`);
  }

  return (
    <form className="form" onSubmit={submit}>
      <div className="form-fields">
        <p className="hint">
          Sign-ups, sign-ins and piano practice of people who do not exist, recorded in one go.
          Watch the queue fill and drain in batches of up to 100.
        </p>
        <Choice label="Events" values={SIZES} value={size} onChange={setSize} />
      </div>
      <div className="form-foot">
        <div className="form-actions">
          <button type="submit" className="primary">
            Record {size} events
          </button>
        </div>
        <p className="outcome" role="status">
          {result}
        </p>
      </div>
    </form>
  );
}
