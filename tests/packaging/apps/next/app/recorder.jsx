"use client";

import { usePageViews, useReceipt, useRecord } from "forebay/react";
import { usePathname } from "next/navigation";
import { useState } from "react";

export function Recorder() {
  const record = useRecord();
  const [receipt, setReceipt] = useState();
  usePageViews(usePathname());
  return (
    <>
      <button type="button" onClick={() => setReceipt(record({ name: "Clicked" }))}>
        Record
      </button>
      <output>{useReceipt(receipt)}</output>
    </>
  );
}
