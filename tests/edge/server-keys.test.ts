// Access keys of servers: AWS's own clients, with no identity pool and no session token.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import {
  ForbiddenException,
  PinpointClient,
  PutEventsCommand,
  UpdateEndpointCommand,
} from "@aws-sdk/client-pinpoint";
import { readStream } from "../support/kinesis.ts";
import { python } from "../support/python.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const ORDERS = {
  access_key_id: "FBSERVER000000000001",
  secret_access_key: randomBytes(30).toString("base64"),
};
const SIGN_UPS = {
  access_key_id: "FBSERVER000000000002",
  secret_access_key: randomBytes(30).toString("base64"),
};

let stack: Stack;
let worker: Worker;

before(async () => {
  stack = await startStack({ withLake: false });
  worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    serverKeys: [
      { name: "orders", ...ORDERS, may: ["*"] },
      { name: "sign-ups", ...SIGN_UPS, may: ["SignUpEvent"] },
    ],
  });
});
after(async () => {
  await worker?.stop();
  await stack?.stop();
});

function pinpoint(key: typeof ORDERS): PinpointClient {
  return new PinpointClient({
    endpoint: worker.edge,
    region: worker.region,
    credentials: { accessKeyId: key.access_key_id, secretAccessKey: key.secret_access_key },
  });
}

function batchItem(endpointId: string, ids: string[]) {
  const event = {
    EventType: "SignUpEvent",
    Timestamp: new Date().toISOString(),
    Attributes: { email: "a@example.com" },
  };
  const Events = Object.fromEntries(ids.map((id) => [id, event]));
  return { [endpointId]: { Endpoint: { User: { UserId: "u1" } }, Events } };
}

async function recordOf(eventId: string) {
  const stored = await readStream(stack);
  return stored.find(({ json }) => json.forebay.event_id === eventId)?.json;
}

test("the AWS SDK for JavaScript sends events and endpoints", async () => {
  const client = pinpoint(ORDERS);
  const [endpointId, eventId] = [randomUUID(), randomUUID()];
  const answer = await client.send(
    new PutEventsCommand({
      ApplicationId: stack.app_id,
      EventsRequest: { BatchItem: batchItem(endpointId, [eventId]) },
    }),
  );
  const items = answer.EventsResponse?.Results?.[endpointId].EventsItemResponse;
  assert.deepEqual(items, { [eventId]: { Message: "Accepted", StatusCode: 202 } });
  const record = await recordOf(eventId);
  assert.equal(record.forebay.amr, "server");
  assert.deepEqual(record.client, { client_id: endpointId });
  const updated = await client.send(
    new UpdateEndpointCommand({
      ApplicationId: stack.app_id,
      EndpointId: endpointId,
      EndpointRequest: { User: { UserId: "u1" } },
    }),
  );
  assert.equal(updated.$metadata.httpStatusCode, 202);
  client.destroy();
});

test("boto3 sends events and endpoints", async () => {
  const [endpointId, eventId] = [randomUUID(), randomUUID()];
  const request = {
    edge: worker.edge,
    region: worker.region,
    app_id: stack.app_id,
    endpoint_id: endpointId,
    batch_item: batchItem(endpointId, [eventId]),
  };
  const call = async (key: typeof ORDERS) =>
    JSON.parse(await python("edge/boto3_client.py", [], JSON.stringify({ ...request, ...key })));
  const { put_events, update_endpoint } = await call(ORDERS);
  const items = put_events.EventsResponse.Results[endpointId].EventsItemResponse;
  assert.deepEqual(items, { [eventId]: { Message: "Accepted", StatusCode: 202 } });
  assert.equal(update_endpoint.MessageBody.Message, "Accepted");
  assert.equal((await recordOf(eventId)).forebay.amr, "server");

  const refused = await call(SIGN_UPS);
  assert.equal(
    refused.put_events.EventsResponse.Results[endpointId].EventsItemResponse[eventId].StatusCode,
    202,
  );
  assert.deepEqual(refused.update_endpoint, { error: "ForbiddenException", typed: true });
  const forged = await call({ ...ORDERS, secret_access_key: SIGN_UPS.secret_access_key });
  assert.equal(forged.put_events.error, "InvalidSignatureException");
});

test("what a key may not do is refused as the client's own exception", async () => {
  const client = pinpoint(SIGN_UPS);
  await assert.rejects(
    client.send(
      new UpdateEndpointCommand({
        ApplicationId: stack.app_id,
        EndpointId: "e1",
        EndpointRequest: {},
      }),
    ),
    ForbiddenException,
  );
  client.destroy();
});

test("no secret is in the log", () => {
  for (const { access_key_id, secret_access_key } of [ORDERS, SIGN_UPS]) {
    assert.ok(!worker.log().includes(access_key_id) && !worker.log().includes(secret_access_key));
  }
});
