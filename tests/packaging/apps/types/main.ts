// What an app of CommonJS modules sees of the package: every entry, with its types.

import { type AnalyticsEvent, configure, ForebayError, type Receipt, record } from "forebay";
import { Analytics } from "forebay/amplify-v5";
import { configure as inline } from "forebay/inline";
import { type ClientOptions, createClient, type NodeReceipt } from "forebay/node";
import { ForebayProvider, useReceipt, useRecord } from "forebay/react";
import { analytics } from "forebay/segment";
import { configure as slim } from "forebay/slim";
import { recorded, reset } from "forebay/testing";

const config = { endpoint: "", appId: "", region: "", identityPoolId: "" };
export function configureAll(): void {
  configure(config);
  inline(config);
  slim(config, new Uint8Array());
}
export const receipt: Receipt = record({ name: "Opened", metrics: { n: 1 } });
export const events: AnalyticsEvent[] = recorded();
const server: ClientOptions = { endpoint: "", key: "", context: { user: { id: "u1" } } };
export const stored: Promise<NodeReceipt> = createClient(server).record({ name: "Opened" });
export const sent: Promise<Receipt> = analytics.track("Order Completed", { total: 1 }, () => {});
export const viewed = [analytics.page("Docs", "Index", { depth: 1 }), analytics.identify(7, {})];
export const all = [Analytics, ForebayProvider, useReceipt, useRecord, reset, ForebayError];
// @ts-expect-error: an event has a name.
record({ attributes: {} });
