// An OpenID Connect issuer: keys of its own, served where an issuer serves them, and tokens.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const ISSUER = "https://login.example/pool";

const KEYS = {
  RS256: { ...generateKeyPairSync("rsa", { modulusLength: 2048 }), hash: "sha256" },
  RS512: { ...generateKeyPairSync("rsa", { modulusLength: 3072 }), hash: "sha512" },
  ES256: { ...generateKeyPairSync("ec", { namedCurve: "P-256" }), hash: "sha256" },
};

export type Algorithm = keyof typeof KEYS;
export const ALGORITHMS = Object.keys(KEYS) as Algorithm[];

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

export interface Issuer {
  /** For the worker's configuration. */
  settings: { issuer: string; audiences: string[]; jwks_uri: string };
  /** How often its keys were asked for. */
  asked(): number;
  stop(): void;
}

/** Starts one that serves its keys, each with its algorithm for an id. */
export async function startIssuer(): Promise<Issuer> {
  let asked = 0;
  const keys = ALGORITHMS.map((alg) => {
    const jwk = KEYS[alg].publicKey.export({ format: "jwk" });
    return { ...jwk, kid: alg, alg, use: "sig" };
  });
  const server = createServer((_, response) => {
    asked += 1;
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    settings: {
      issuer: ISSUER,
      audiences: ["web"],
      jwks_uri: `http://127.0.0.1:${port}/jwks.json`,
    },
    asked: () => asked,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** An ID token for `sub`; `claims`, `key` and `kid` make it another than the issuer would sign. */
export function idToken(
  alg: Algorithm,
  sub: string,
  claims: object = {},
  key: KeyObject = KEYS[alg].privateKey,
  kid: string = alg,
): string {
  const exp = Math.floor(Date.now() / 1000) + 300;
  const header = encoded({ alg, kid, typ: "JWT" });
  const signed = `${header}.${encoded({ iss: ISSUER, sub, aud: "web", exp, ...claims })}`;
  const signature = sign(KEYS[alg].hash, Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
