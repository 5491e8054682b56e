// The form of requests that AWS accepts from browsers.

import { ALGORITHM, type Form } from "./requests.js";

/** Puts the signature into headers. */
export const inHeaders: Form = ({ url, host, date, credential, token, sign }) => {
  const headers = { "x-amz-date": date, "x-amz-security-token": token };
  const authorization =
    `${ALGORITHM} Credential=${credential}, SignedHeaders=host;${Object.keys(headers).join(";")}, ` +
    `Signature=${sign("", { host, ...headers })}`;
  return [url, { ...headers, authorization, "content-type": "application/json" }];
};

/** The headers of a request to Cognito Identity. */
export const poolHeaders = (target: string) => ({
  "content-type": "application/x-amz-json-1.1",
  "x-amz-target": target,
});
