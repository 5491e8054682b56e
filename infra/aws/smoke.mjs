#!/usr/bin/env node
// Sends one signed event to the worker as a guest, and waits until Athena has its row. Needs Node 20 and the AWS CLI.

import { execFile } from "node:child_process";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";

const HELP = `node smoke.mjs --endpoint URL --app ID --pool ID --event JSON --table NAME \\
  --work-group NAME --database NAME [--region NAME] [--minutes N]

  --endpoint     the worker, such as https://events.example.com
  --app, --pool  the application's id and the id of its identity pool
  --event        an event of your schema, such as
                 '{"EventType":"SignUpEvent","Attributes":{"email":"smoke@example.com"}}'
  --table        its table, such as sign_up_event
  --work-group, --database
                 what the stack has put out as WorkGroup and Database
  --region       what requests to the worker are signed for (default: us-east-1)
  --minutes      how long to wait for the row (default: 10)
`;

/** How long to wait between two looks at Athena, in milliseconds. */
const PAUSE = Number(process.env.SMOKE_PAUSE ?? 5_000);

class Mistake extends Error {}

function options() {
  const text = { type: "string" };
  const { values } = parseArgs({
    options: {
      endpoint: text,
      app: text,
      pool: text,
      event: text,
      table: text,
      "work-group": text,
      database: text,
      region: { ...text, default: "us-east-1" },
      minutes: { ...text, default: "10" },
    },
  });
  const missing = ["endpoint", "app", "pool", "event", "table", "work-group", "database"].filter(
    (name) => !values[name],
  );
  if (missing.length > 0) throw new Mistake(`--${missing.join(", --")} missing\n\n${HELP}`);
  for (const name of ["table", "database"]) {
    if (!/^[a-z_][a-z0-9_]*$/.test(values[name])) throw new Mistake(`--${name} is no name`);
  }
  return values;
}

async function answered(response) {
  const text = await response.text();
  if (!response.ok) throw new Mistake(`${response.url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

/** Calls the identity routes, which are those of Amazon Cognito. */
async function cognito(endpoint, operation, body) {
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": `AWSCognitoIdentityService.${operation}`,
  };
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  return answered(await fetch(new URL("/", endpoint), request));
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/** The headers of a request that is signed by AWS Signature Version 4. */
function signed(url, body, region, { AccessKeyId, SecretKey, SessionToken }) {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const headers = {
    "content-type": "application/json",
    host: url.host,
    "x-amz-date": time,
    "x-amz-security-token": SessionToken,
  };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = ["POST", url.pathname, "", lines.join(""), names, sha256(body)].join("\n");
  const scope = [time.slice(0, 8), region, "mobiletargeting", "aws4_request"];
  const toSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(request)].join("\n");
  const key = scope.reduce(hmac, `AWS4${SecretKey}`);
  const signature = hmac(key, toSign).toString("hex");
  const credential = `Credential=${AccessKeyId}/${scope.join("/")}`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** Sends the event; gives its id. */
async function send({ endpoint, app, pool, event, region }) {
  const { IdentityId } = await cognito(endpoint, "GetId", { IdentityPoolId: pool });
  const { Credentials } = await cognito(endpoint, "GetCredentialsForIdentity", { IdentityId });
  const [client, id] = [randomUUID(), randomUUID()];
  const now = new Date().toISOString();
  const events = { [id]: { Timestamp: now, ...JSON.parse(event) } };
  const body = JSON.stringify({ BatchItem: { [client]: { Endpoint: {}, Events: events } } });
  const url = new URL(`/v1/apps/${app}/events`, endpoint);
  const headers = signed(url, body, region, Credentials);
  const answer = await answered(await fetch(url, { method: "POST", headers, body }));
  const said = answer.Results[client].EventsItemResponse[id];
  if (said.StatusCode !== 202) {
    throw new Mistake(`the event was answered ${said.StatusCode}: ${said.Message}`);
  }
  return id;
}

async function aws(...words) {
  const { stdout } = await promisify(execFile)("aws", ["athena", ...words, "--output", "json"]);
  return JSON.parse(stdout);
}

/** How many rows have the event's id. */
async function count({ database, table, "work-group": workGroup }, id) {
  // Its folders: today's, or yesterday's where midnight has passed.
  const sql =
    `SELECT count(*) FROM "${database}"."${table}" WHERE event_id = '${id}' ` +
    "AND event_timestamp > current_timestamp - INTERVAL '1' DAY";
  const words = ["--work-group", workGroup, "--query-string", sql];
  const { QueryExecutionId } = await aws("start-query-execution", ...words);
  const query = ["--query-execution-id", QueryExecutionId];
  for (;;) {
    const { QueryExecution } = await aws("get-query-execution", ...query);
    const { State, StateChangeReason } = QueryExecution.Status;
    if (State === "SUCCEEDED") break;
    if (State === "FAILED" || State === "CANCELLED") {
      throw new Mistake(`the query ended as ${State}: ${StateChangeReason}`);
    }
    await setTimeout(PAUSE / 5);
  }
  const { ResultSet } = await aws("get-query-results", ...query);
  return Number(ResultSet.Rows[1].Data[0].VarCharValue);
}

async function main() {
  const values = options();
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1_000);
  const id = await send(values);
  console.log(`event ${id}: acknowledged after ${seconds()} s`);
  const end = started + Number(values.minutes) * 60_000;
  while (Date.now() < end) {
    if ((await count(values, id)) > 0) {
      console.log(`event ${id}: a row after ${seconds()} s`);
      return;
    }
    await setTimeout(PAUSE);
  }
  throw new Mistake(
    `event ${id} is not a row after ${values.minutes} minutes: look into the function's log group, ` +
      "then into failed/ and aws/lambda/ of the raw bucket",
  );
}

try {
  await main();
} catch (error) {
  console.error(`smoke: ${error.message}`);
  process.exitCode = 1;
}
