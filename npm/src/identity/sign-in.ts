import type { Settings } from "../config/config.js";
import type { Answer, ask } from "../send/requests.js";
import type { Fail } from "../types.js";
import { GET_CREDENTIALS } from "./operations.js";
import type { Logins, Pool } from "./pool.js";

/** The argument of `signIn`. */
export interface SignIn {
  /**
   * Tokens by the names of their issuers, as Cognito takes them; or a function that returns them, which is called
   * whenever credentials are renewed.
   */
  logins: Logins | (() => Logins | Promise<Logins>);
  /** An IAM role for a pool with the classic flow; without one the pool issues the credentials (enhanced flow). */
  roleArn?: string;
}

/** Functions that ask the pool, and other services. */
interface Wire {
  pool: Pool;
  ask: typeof ask;
}

type Place = Pick<Settings, "identityPoolId" | "region" | "stsEndpoint" | "guestRoleArn">;

/** A user who is signed in. */
export interface Login {
  identityId: string;
  /** Asks for credentials. */
  renew(): Promise<Answer>;
}

/**
 * Asks the pool for the user's identity, until it answers.
 *
 * @throws ForebayError `NotSignedIn` if there is no token, or the pool refuses the tokens.
 */
export async function logIn(
  wire: Wire,
  settings: Place,
  input: SignIn | null | undefined,
  fail: Fail,
): Promise<Login> {
  const { logins, roleArn } = input ?? ({} as SignIn);
  const tokens = async () => (typeof logins === "function" ? logins() : logins);
  for (let pause = 1000; ; pause = Math.min(pause * 2, 60_000)) {
    const Logins = await tokens();
    // Without a token the pool would make a guest of its own of this user.
    if (!Object.values(Logins ?? {}).some(Boolean)) {
      fail("NotSignedIn", 'Forebay: signIn() needs a token: { logins: { "its issuer": token } }.');
    }
    const { status, type, body } = await wire.pool("GetId", {
      IdentityPoolId: settings.identityPoolId,
      Logins,
    });
    const { IdentityId } = body;
    if (IdentityId) {
      const renew = async () =>
        roleArn
          ? assumeRole(wire, settings, roleArn, IdentityId, await tokens())
          : wire.pool(GET_CREDENTIALS, { IdentityId, Logins: await tokens() });
      return { identityId: IdentityId, renew };
    }
    if (status >= 400 && status < 500 && status !== 429) {
      fail(
        "NotSignedIn",
        `Forebay: the identity pool does not take these logins (${type || status}).`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** The classic flow for a guest, with the known identity or a new one. */
export async function guestRole(
  wire: Wire,
  place: Place,
  known: string | undefined,
  keepIdentityId: (id: string) => void,
): Promise<Answer> {
  const { identityPoolId, guestRoleArn = "" } = place;
  if (known) return assumeRole(wire, place, guestRoleArn, known);
  const answer = await wire.pool("GetId", { IdentityPoolId: identityPoolId });
  const id = answer.body.IdentityId;
  if (!id) return answer;
  keepIdentityId(id);
  return assumeRole(wire, place, guestRoleArn, id);
}

/** The classic flow: a token of the pool, and the role that STS gives for it. */
async function assumeRole(
  { pool, ask }: Wire,
  { region, stsEndpoint = `https://sts.${region}.amazonaws.com` }: Place,
  roleArn: string,
  IdentityId: string,
  Logins?: Logins,
): Promise<Answer> {
  const answer = await pool("GetOpenIdToken", { IdentityId, Logins });
  const { Token } = answer.body;
  if (!Token) return answer;
  const query = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: roleArn,
    RoleSessionName: "forebay",
    WebIdentityToken: Token,
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const role = await ask("POST", `${stsEndpoint}/`, headers, String(query));
  // STS answers in XML.
  const member = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(role.text)?.[1];
  const expiration = Date.parse(member("Expiration") ?? "");
  const Credentials = {
    AccessKeyId: member("AccessKeyId"),
    SecretKey: member("SecretAccessKey"),
    SessionToken: member("SessionToken"),
    Expiration: expiration / 1000,
  };
  return { ...role, body: { IdentityId, Credentials } };
}
