// The client for servers: events in batches to POST /v1/events, with a spool on disk. Node only.

export { type Client, type ClientOptions, createClient, type NodeStats } from "./node/client.js";
export type { EventContext } from "./node/event.js";
export type { NodeReceipt } from "./node/receipts.js";
export {
  type AnalyticsEvent,
  type CompiledSchema,
  type Delivery,
  type DeliveryState,
  ForebayError,
  type Violation,
} from "./types.js";
