"use client";

import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import {
  type AmplifyConfig,
  type AnalyticsEvent,
  type DeliveryState,
  type ForebayConfig,
  onDelivery,
  type Receipt,
  record,
} from "./client.js";
import { configure } from "./index.js";

/**
 * Configures Forebay before anything below it is rendered. The hooks need no provider: where another
 * entry of the package is used, its own `configure` takes the place of this.
 *
 * @throws ForebayError while it renders, as `configure` does.
 */
export function ForebayProvider(props: {
  config: ForebayConfig | AmplifyConfig;
  children?: ReactNode;
}): ReactNode {
  // Not in an effect: effects of children run first, and they may record.
  useState(() => configure(props.config));
  return props.children;
}

/** Gives `record`. The same function on every render. */
export function useRecord(): (event: AnalyticsEvent) => Receipt {
  return record;
}

/**
 * Gives how far the event with this receipt has come, and renders again with every step;
 * `undefined` as long as there is no receipt.
 */
export function useReceipt(receipt: Receipt | null | undefined): DeliveryState | undefined {
  const state = () => receipt?.state;
  return useSyncExternalStore(onDelivery, state, state);
}

/**
 * Records `pageView` when the page is first shown and whenever `path` becomes another, with the
 * attribute `url` as Amplify has it: the origin and the path, without query and fragment.
 *
 * @param path Where the router is, such as `/products/7`; nothing is recorded while there is none.
 */
export function usePageViews(path: string | null | undefined): void {
  const last = useRef<string>(undefined);
  useEffect(() => {
    if (!path) return;
    const url = location.origin + path.split(/[?#]/, 1)[0];
    // Effects run twice under StrictMode, and here after a change of the query alone.
    if (url !== last.current) record({ name: "pageView", attributes: { url } });
    last.current = url;
  }, [path]);
}
