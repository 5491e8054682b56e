import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { AwsClient } from "aws4fetch";
import { type Command, ExitCode, UsageError } from "../../src/cli/command.js";
import { paint, print } from "../../src/cli/terminal.js";
import { type Answer, asked } from "./ask.js";
import { jsonObject } from "./json.js";
import { APPLICATION_OPTIONS, type Application, application, DEV_PORT } from "./places.js";

export const send: Command = {
  summary: "sends one event, signed as a visitor's, and says what became of it",
  help: `npx forebay-worker send TYPE [FIELDS] [options]

Gets a guest's credentials from the worker, signs one event with them and sends it. TYPE is an event type
of the schema, FIELDS a JSON object. Numbers travel as metrics, everything else as attributes, as the
client has it.

  --endpoint URL           the worker (http://127.0.0.1:${DEV_PORT})
  --app-id ID              where it is not that of \`npx forebay-worker dev\`
  --identity-pool-id ID    the same
  --region REGION          the same

For example:
  npx forebay-worker send SignUpEvent '{"email": "ada@example.com", "plan": "free"}'
`,
  async run(words) {
    const { values, positionals } = parseArgs({
      args: words,
      allowPositionals: true,
      options: { endpoint: { type: "string" }, ...APPLICATION_OPTIONS },
    });
    const [type, fields = "{}", ...others] = positionals;
    if (!type || others.length) {
      throw new UsageError(`an event type and a JSON object are wanted\n\n${send.help.trimEnd()}`);
    }
    const endpoint = (values.endpoint ?? `http://127.0.0.1:${DEV_PORT}`).replace(/\/$/, "");
    if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
      throw new UsageError(`--endpoint is not an http or https URL: ${endpoint}`);
    }
    const { status, message } = await sent(endpoint, application(values), type, parsed(fields));
    await print(
      status === 202
        ? `${paint("green", "accepted")}  ${type}\n`
        : `${paint("red", "not accepted")}  ${type}: ${status} ${message}\n`,
    );
    return status === 202 ? ExitCode.Fine : ExitCode.Found;
  },
};

function parsed(fields: string): Record<string, unknown> {
  const value = jsonObject(fields);
  if (value) return value;
  throw new UsageError(`the fields are not a JSON object: ${fields}`);
}

/** Sends the event to `endpoint`; gives its own answer, or that to the whole request. */
async function sent(
  endpoint: string,
  { appId, identityPoolId, region }: Application,
  type: string,
  fields: Record<string, unknown>,
): Promise<{ status: number; message: string }> {
  const identity = await asked(`${endpoint}/`, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AWSCognitoIdentityService.GetId",
    },
    body: JSON.stringify({ IdentityPoolId: identityPoolId }),
  });
  const { AccessKeyId, SecretKey, SessionToken } = identity.body.Credentials ?? {};
  if (identity.status !== 200 || !AccessKeyId) return failure(identity);
  const [endpointId, eventId] = [randomUUID(), randomUUID()];
  const entries = Object.entries(fields).filter(([, value]) => value !== null);
  const isNumber = ([, value]: [string, unknown]) => typeof value === "number";
  const event = {
    EventType: type,
    Timestamp: new Date().toISOString(),
    Attributes: Object.fromEntries(
      entries.filter((entry) => !isNumber(entry)).map(([name, value]) => [name, text(value)]),
    ),
    Metrics: Object.fromEntries(entries.filter(isNumber)),
  };
  const client = new AwsClient({
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretKey,
    sessionToken: SessionToken,
    region,
    service: "mobiletargeting",
    retries: 0,
  });
  const request = await client.sign(`${endpoint}/v1/apps/${encodeURIComponent(appId)}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      BatchItem: { [endpointId]: { Endpoint: {}, Events: { [eventId]: event } } },
    }),
  });
  const answer = await asked(request);
  const item = answer.body.Results?.[endpointId]?.EventsItemResponse?.[eventId];
  return item ? { status: item.StatusCode, message: item.Message } : failure(answer);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function failure({ status, body }: Answer): { status: number; message: string } {
  return { status, message: body.Message ?? body.message ?? "without a message" };
}
