import type { ForebayConfig, Receipt } from "forebay";
import { ForebayProvider, usePageViews, useReceipt, useRecord } from "forebay/react";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

const config: ForebayConfig = JSON.parse(new URLSearchParams(location.search).get("config") ?? "");

function Page() {
  const record = useRecord();
  const [receipt, setReceipt] = useState<Receipt>();
  usePageViews(location.pathname);
  return (
    <>
      <button type="button" onClick={() => setReceipt(record({ name: "Clicked" }))}>
        Record
      </button>
      <output>{useReceipt(receipt)}</output>
    </>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <ForebayProvider config={config}>
      <Page />
    </ForebayProvider>
  </StrictMode>,
);
