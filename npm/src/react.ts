"use client";

import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import {
  type AmplifyConfig,
  type AnalyticsEvent,
  type DeliveryState,
  type ForebayConfig,
  type ForebayError,
  onDelivery,
  type Receipt,
  record,
} from "./client.js";
import { configure } from "./index.js";

/** Whether the console was told of another configuration. */
let isTold = false;

/**
 * Configures Forebay before anything below it is rendered. The hooks need no provider: where another
 * entry of the package is used, its own `configure` takes the place of this.
 *
 * Where Forebay is configured already with another configuration, the first stays, and the console says so.
 *
 * @throws ForebayError while it renders, as `configure` does otherwise.
 */
export function ForebayProvider(props: {
  config: ForebayConfig | AmplifyConfig;
  children?: ReactNode;
}): ReactNode {
  // Not in an effect: effects of children run first, and they may record.
  useState(() => {
    try {
      configure(props.config);
    } catch (error) {
      if ((error as ForebayError).code !== "AlreadyConfigured") throw error;
      // A page has one configuration: a provider that is mounted with another one keeps the first.
      if (!isTold) console.error((error as ForebayError).message);
      isTold = true;
    }
  });
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
 * @param path Where the router is, such as `/products/7`, with or without what all of its addresses begin with; nothing
 * is recorded while there is none.
 */
export function usePageViews(path: string | null | undefined): void {
  const last = useRef<string>(undefined);
  useEffect(() => {
    if (!path) return;
    const url = addressOf(path);
    // Effects run twice under StrictMode, and here after a change of the query alone.
    if (url !== last.current) whenShown(() => recordView(url));
    last.current = url;
  }, [path]);
}

/** The page's address, which may have more than the router's path: `basePath` of Next.js, `basename` of React Router. */
function addressOf(path: string): string {
  const { origin, pathname } = location;
  const [within] = path.split(/[?#]/, 1);
  return origin + (within === "/" || pathname.endsWith(within) ? pathname : within);
}

/** Of an address that is too long for an attribute its beginning is recorded. */
function recordView(url: string): void {
  record({ name: "pageView", attributes: { url: [...url].slice(0, 200).join("") } });
}

/** Where the page is prerendered, once somebody sees it. */
function whenShown(view: () => void): void {
  const page = document as Document & { prerendering?: boolean };
  if (page.prerendering) page.addEventListener("prerenderingchange", view, { once: true });
  else view();
}
