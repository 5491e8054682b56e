// AWS's own clients, unchanged but for the endpoint.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  NotAuthorizedException,
  ResourceNotFoundException,
} from "@aws-sdk/client-cognito-identity";
import {
  BadRequestException,
  NotFoundException,
  PayloadTooLargeException,
  PinpointClient,
  PutEventsCommand,
  UpdateEndpointCommand,
} from "@aws-sdk/client-pinpoint";
import { readStream } from "../support/kinesis.ts";
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let identity: CognitoIdentityClient;
let pinpoint: PinpointClient;
let identityId: string;

before(async () => {
  stack = await startStack({ withLake: false });
  identity = new CognitoIdentityClient({ endpoint: stack.edge, region: stack.region });
  const guest = await identity.send(new GetIdCommand({ IdentityPoolId: stack.identity_pool_id }));
  identityId = String(guest.IdentityId);
  pinpoint = new PinpointClient({
    endpoint: stack.edge,
    region: stack.region,
    credentials: async () => {
      const answer = await identity.send(
        new GetCredentialsForIdentityCommand({ IdentityId: identityId }),
      );
      const issued = answer.Credentials;
      return {
        accessKeyId: String(issued?.AccessKeyId),
        secretAccessKey: String(issued?.SecretKey),
        sessionToken: issued?.SessionToken,
        expiration: issued?.Expiration,
      };
    },
  });
});
after(async () => {
  identity?.destroy();
  pinpoint?.destroy();
  await stack?.stop();
});

test("a guest has an identity of the pool's region and credentials for an hour", async () => {
  assert.match(identityId, /^us-east-1:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f-]{16}$/);
  const answer = await identity.send(
    new GetCredentialsForIdentityCommand({ IdentityId: identityId }),
  );
  assert.equal(answer.IdentityId, identityId);
  const left = Number(answer.Credentials?.Expiration) - Date.now();
  assert.ok(left > 3_590_000 && left <= 3_600_000, `${left} ms`);
});

test("PutEvents stores an event", async () => {
  const [endpointId, eventId] = [randomUUID(), randomUUID()];
  const answer = await pinpoint.send(
    new PutEventsCommand({
      ApplicationId: stack.app_id,
      EventsRequest: {
        BatchItem: {
          [endpointId]: {
            Endpoint: { User: { UserId: "u1" } },
            Events: {
              [eventId]: {
                EventType: "SignUpEvent",
                Timestamp: new Date().toISOString(),
                Attributes: { email: "a@example.com" },
              },
              bad: { EventType: "SignUpEvent", Timestamp: new Date().toISOString() },
            },
          },
        },
      },
    }),
  );
  assert.equal(answer.$metadata.httpStatusCode, 202);
  const results = answer.EventsResponse?.Results?.[endpointId];
  assert.deepEqual(results?.EventsItemResponse?.[eventId], {
    Message: "Accepted",
    StatusCode: 202,
  });
  assert.equal(results?.EventsItemResponse?.bad.StatusCode, 400);
  const stored = await readStream(stack);
  const record = stored.find(({ json }) => json.forebay.event_id === eventId);
  assert.equal(record?.json.client.cognito_id, identityId);
  assert.equal(record?.json.endpoint.User.UserId, "u1");
});

test("UpdateEndpoint is acknowledged", async () => {
  const answer = await pinpoint.send(
    new UpdateEndpointCommand({
      ApplicationId: stack.app_id,
      EndpointId: "an endpoint/with signs: åäö",
      EndpointRequest: { User: { UserId: "u1" }, Demographic: { Platform: "web" } },
    }),
  );
  assert.equal(answer.$metadata.httpStatusCode, 202);
  assert.equal(answer.MessageBody?.Message, "Accepted");
  assert.equal(answer.MessageBody?.RequestID, answer.$metadata.requestId);
});

test("refusals arrive as the clients' own exceptions", async () => {
  const events = (count: number) => {
    const event = { EventType: "SignUpEvent", Timestamp: new Date().toISOString() };
    const batch = Array.from({ length: count }, (_, index) => [`e${index}`, event]);
    return { BatchItem: { e1: { Endpoint: {}, Events: Object.fromEntries(batch) } } };
  };
  await assert.rejects(
    pinpoint.send(new PutEventsCommand({ ApplicationId: "unknown", EventsRequest: events(1) })),
    NotFoundException,
  );
  await assert.rejects(
    pinpoint.send(
      new PutEventsCommand({ ApplicationId: stack.app_id, EventsRequest: events(101) }),
    ),
    BadRequestException,
  );
  await assert.rejects(
    pinpoint.send(
      new UpdateEndpointCommand({
        ApplicationId: stack.app_id,
        EndpointId: "e1",
        EndpointRequest: { Address: "x".repeat(16_000) },
      }),
    ),
    PayloadTooLargeException,
  );
  await assert.rejects(
    identity.send(new GetIdCommand({ IdentityPoolId: "us-east-1:00000000-dead" })),
    ResourceNotFoundException,
  );
  await assert.rejects(
    identity.send(
      new GetIdCommand({
        IdentityPoolId: stack.identity_pool_id,
        Logins: { "accounts.google.com": "token" },
      }),
    ),
    NotAuthorizedException,
  );
  await assert.rejects(
    identity.send(new GetCredentialsForIdentityCommand({ IdentityId: "not an id" })),
    { name: "ValidationException", message: /'identityId' failed to satisfy constraint/ },
  );
});
