// Where `dev` listens and `send` sends to, if nobody says otherwise.

/** An application of a worker's configuration, and the pool that its visitors' identities come from. */
export interface Application {
  appId: string;
  identityPoolId: string;
  region: string;
}

export const DEV_PORT = 8787;
/** What a server or `curl` here shows to `POST /v1/events`. It opens nothing but `dev`, on this machine. */
export const DEV_KEY = "dev";
export const DEV_APPLICATION: Application = {
  appId: "f0e1d2c3b4a5968778695a4b3c2d1e0f",
  identityPoolId: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001",
  region: "us-east-1",
};

/** The options that name another application, for `parseArgs`. */
export const APPLICATION_OPTIONS = {
  "app-id": { type: "string" },
  "identity-pool-id": { type: "string" },
  region: { type: "string" },
} as const;

/** The application that the options name; what they leave out is that of `dev`. */
export function application(values: {
  "app-id"?: string;
  "identity-pool-id"?: string;
  region?: string;
}): Application {
  return {
    appId: values["app-id"] ?? DEV_APPLICATION.appId,
    identityPoolId: values["identity-pool-id"] ?? DEV_APPLICATION.identityPoolId,
    region: values.region ?? DEV_APPLICATION.region,
  };
}
